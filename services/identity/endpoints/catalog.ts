// The catalog as a token shows it: enabled services with their endpoints, urls filled in for one caller.
import type { Changes } from '../changes.ts'
import { Remembered } from '../changes.ts'
import type { EndpointRow, ServiceRow } from '../schema/tables.ts'

export interface CatalogEntry {
  endpoints: { id: string; interface: string; region_id: string | null; url: string; region: string | null }[]
  id: string
  type: string
  name: string
}

/** What fills an url's template; a template that needs what is null is left out. */
export interface Filling {
  baseUrl: string
  projectId: string | null
  userId: string | null
}

const SUBSTITUTION = /[%$]\((\w+)\)s/g
const BASE = 'base_url'
const NAMES = [BASE, 'project_id', 'tenant_id', 'user_id']

/** True if every substitution in the url has a name that exists. */
export function isTemplate(url: string): boolean {
  return [...url.matchAll(SUBSTITUTION)].every(([, name]) => NAMES.includes(name!))
}

/** The url with only the base filled in, as lists of endpoints show it. */
export function withBase(url: string, baseUrl: string): string {
  return url.replaceAll(SUBSTITUTION, (whole, name) => (name === BASE ? baseUrl : whole))
}

/** The url for one caller; null if it needs something that the caller's scope lacks. */
export function filledUrl(url: string, { baseUrl, projectId, userId }: Filling): string | null {
  const values: Record<string, string | null> = {
    [BASE]: baseUrl,
    project_id: projectId,
    tenant_id: projectId,
    user_id: userId,
  }
  const names = [...url.matchAll(SUBSTITUTION)].map(([, name]) => name!)
  if (names.some((name) => !values[name])) return null
  return url.replaceAll(SUBSTITUTION, (_, name: string) => values[name]!)
}

interface Stored {
  services: readonly ServiceRow[]
  endpoints: readonly EndpointRow[]
}

/** Reads the catalog once for all callers, until it changes. */
export class Catalog {
  readonly #remembered: Remembered<Stored>
  readonly #load: () => Promise<Stored>

  constructor(changes: Changes, load: () => Promise<Stored>) {
    this.#remembered = new Remembered(changes, 'catalog', 1)
    this.#load = load
  }

  async filled(filling: Filling): Promise<CatalogEntry[]> {
    const { services, endpoints } = await this.#remembered.getOr('all', this.#load)
    const enabled = services.filter((service) => service.enabled === 1)
    return enabled.map((service) => ({
      endpoints: endpoints
        .filter((endpoint) => endpoint.service_id === service.id && endpoint.enabled === 1)
        .flatMap((endpoint) => shown(endpoint, filling)),
      id: service.id,
      type: service.type,
      name: service.name,
    }))
  }
}

function shown(endpoint: EndpointRow, filling: Filling): CatalogEntry['endpoints'] {
  const url = filledUrl(endpoint.url, filling)
  if (url === null) return []
  const { id, interface: side, region_id } = endpoint
  return [{ id, interface: side, region_id, url, region: region_id }]
}
