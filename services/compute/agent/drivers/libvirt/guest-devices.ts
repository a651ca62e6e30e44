// Where libvirt put the devices that carry a tag, read from the domain's XML.
import { XMLParser } from 'fast-xml-parser'
import type { GuestDevice, GuestVif } from '../../guest-spec.ts'

interface Address {
  type: string
  domain?: string
  bus?: string
  slot?: string
  function?: string
}

interface DomainDevices {
  domain: { devices?: { interface?: { mac?: { address: string }; address?: Address }[] } }
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name) => name === 'interface',
})

/** The tagged ones of the ports, in their order. */
export function taggedDevices(xml: string, vifs: readonly GuestVif[]): GuestDevice[] {
  const { domain } = parser.parse(xml) as DomainDevices
  const interfaces = domain.devices?.interface ?? []
  return vifs.flatMap(({ mac, tag }) => {
    if (tag === undefined) return []
    const address = interfaces.find((candidate) => candidate.mac?.address.toLowerCase() === mac.toLowerCase())?.address
    const at = pciAddress(address)
    return [{ type: 'nic', bus: at ? 'pci' : 'none', address: at ?? 'none', mac, tags: [tag] }]
  })
}

/** `0000:00:03.0` */
function pciAddress(address: Address | undefined): string | undefined {
  if (address?.type !== 'pci') return undefined
  const hex = (text: string | undefined, width: number) => (text ?? '0x0').slice(2).padStart(width, '0')
  const { domain, bus, slot } = address
  return `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${hex(address.function, 1)}`
}

/** The MAC addresses of the domain's interfaces, in their order. */
export function interfaceMacs(xml: string): string[] {
  const { domain } = parser.parse(xml) as DomainDevices
  return (domain.devices?.interface ?? []).map(({ mac }) => mac?.address ?? '')
}
