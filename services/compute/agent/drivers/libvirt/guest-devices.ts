// Where libvirt put the devices that others must find, read from the domain's XML.
import { XMLParser } from 'fast-xml-parser'
import type { DiskBus, GuestDevice, GuestDisk, GuestSpec, GuestVif } from '../../guest-spec.ts'

interface Address {
  type: string
  domain?: string
  bus?: string
  slot?: string
  function?: string
}

interface DomainDevices {
  domain: {
    devices?: {
      interface?: { mac?: { address: string }; address?: Address }[]
      disk?: { target?: { dev: string }; address?: Address }[]
      serial?: { alias?: { name: string } }[]
      graphics?: { type: string; socket?: string }[]
    }
  }
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name) => ['interface', 'disk', 'serial', 'graphics'].includes(name),
})

type Tagged = Pick<GuestSpec, 'vifs' | 'disks'>

export const hasTags = ({ vifs, disks }: Tagged): boolean => [...vifs, ...disks].some(({ tag }) => tag !== undefined)

/** The tagged ones of the guest's ports, then of its disks, in their order. */
export function taggedDevices(xml: string, { vifs, disks }: Tagged): GuestDevice[] {
  const { devices } = (parser.parse(xml) as DomainDevices).domain
  return [
    ...vifs.flatMap((vif) => taggedPort(vif, devices?.interface ?? [])),
    ...disks.flatMap((disk) => taggedDisk(disk, devices?.disk ?? [])),
  ]
}

type Found<Kind extends 'interface' | 'disk'> = NonNullable<
  NonNullable<DomainDevices['domain']['devices']>[Kind]
>[number]

function taggedPort({ mac, tag }: GuestVif, interfaces: readonly Found<'interface'>[]): GuestDevice[] {
  if (tag === undefined) return []
  const found = interfaces.find((candidate) => candidate.mac?.address.toLowerCase() === mac.toLowerCase())
  const at = pciAddress(found?.address)
  return [{ type: 'nic', bus: at ? 'pci' : 'none', address: at ?? 'none', mac, tags: [tag] }]
}

/** Buses other than PCI's by their name alone, as Nova tells them. */
const NAMED_BUSES: Partial<Record<DiskBus, GuestDevice['bus']>> = { scsi: 'scsi', ide: 'ide', usb: 'usb' }

function taggedDisk({ target, bus, tag }: GuestDisk, found: readonly Found<'disk'>[]): GuestDevice[] {
  if (tag === undefined) return []
  const at = pciAddress(found.find((candidate) => candidate.target?.dev === target)?.address)
  return [{ type: 'disk', bus: at ? 'pci' : (NAMED_BUSES[bus] ?? 'none'), address: at ?? 'none', tags: [tag] }]
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

/** Whether the domain has an interface of that MAC address. */
export function hasInterface(xml: string, mac: string): boolean {
  return interfaceMacs(xml).some((address) => address.toLowerCase() === mac.toLowerCase())
}

/** What a running guest's consoles are had by: the alias of its first serial port, the socket of its VNC server. */
export function consoleDevices(xml: string): { serial: string | undefined; vncSocket: string | undefined } {
  const { devices } = (parser.parse(xml) as DomainDevices).domain
  const vnc = devices?.graphics?.find(({ type, socket }) => type === 'vnc' && socket !== undefined)
  return { serial: devices?.serial?.[0]?.alias?.name, vncSocket: vnc?.socket }
}
