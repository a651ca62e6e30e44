// The minor versions of the image API that discovery lists; its clients negotiate only the major one.

const CURRENT = 18

/** The discovery document; `service` is the address of the service as the caller reached it. */
export function versionsDocument(service: string): { versions: object[] } {
  const links = [{ rel: 'self', href: `${service}/v2/` }]
  const minors = Array.from({ length: CURRENT + 1 }, (_, index) => CURRENT - index)
  return {
    versions: minors.map((minor) => ({
      id: `v2.${minor}`,
      status: minor === CURRENT ? 'CURRENT' : 'SUPPORTED',
      links,
    })),
  }
}
