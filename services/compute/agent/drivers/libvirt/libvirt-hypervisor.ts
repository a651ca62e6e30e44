// The hypervisor driver for libvirt and QEMU.
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { fault } from '../../faults.ts'
import type { GuestDevice, GuestSpec } from '../../guest-spec.ts'
import type { GuestDiagnostics, Hypervisor, HypervisorInventory } from '../../hypervisor.ts'
import type { InstancePaths } from '../../instance-paths.ts'
import { consoleTail } from './console.ts'
import { readDiagnostics } from './diagnostics.ts'
import { domainFault } from './domain-faults.ts'
import { type DomainHost, domainXml } from './domain-xml.ts'
import { guestEvents, reconnections } from './events.ts'
import { interfaceMacs, taggedDevices } from './guest-devices.ts'
import { Guests } from './guests.ts'
import { type Capabilities, hypervisorInventory, readCapabilities } from './inventory.ts'

export type LibvirtHypervisorOptions = {
  /** The caller closes it. */
  host: LibvirtHost
  paths: InstancePaths
} & Omit<DomainHost, 'arch' | 'consoleLog'>

/** A driver for the guests that carry `cloudTag`; other clouds' domains on the same libvirtd are never touched. */
export function libvirtHypervisor({ host, paths, ...domainHost }: LibvirtHypervisorOptions): Hypervisor {
  const guests = new Guests(host, domainHost.cloudTag)
  let known: Promise<Capabilities> | undefined

  const capabilities = (): Promise<Capabilities> => {
    known ??= readCapabilities(host).catch((error) => {
      known = undefined
      throw domainFault(error, '')
    })
    return known
  }

  const define = async (guest: GuestSpec): Promise<GuestDevice[]> => {
    const { arch } = await capabilities()
    const consoleLog = paths.consoleLog(guest.id)
    await guests.define(guest.id, guest.name, domainXml(guest, { ...domainHost, arch, consoleLog }))
    if (!guest.vifs.some(({ tag }) => tag !== undefined)) return []
    return taggedDevices(await guests.xml(guest.id), guest.vifs)
  }

  const diagnostics = async (id: string): Promise<GuestDiagnostics> => {
    if (!(await guests.isOurs(id))) throw fault('GuestNotFound', { id })
    return readDiagnostics(host, id, domainHost.virtType, interfaceMacs(await guests.xml(id)))
  }

  const inventory = async (): Promise<HypervisorInventory> => {
    try {
      return await hypervisorInventory(host, await capabilities())
    } catch (error) {
      throw domainFault(error, '')
    }
  }

  return {
    name: 'libvirt',
    inventory,
    guests: () => guests.list(),
    powerState: (id) => guests.powerState(id),
    define,
    start: (id, { paused }) => guests.start(id, paused),
    suspend: (id) => guests.suspend(id),
    resume: (id) => guests.resume(id),
    stop: (id, how) => guests.stop(id, how),
    managedSave: (id) => guests.managedSave(id),
    restore: (id) => guests.restore(id),
    destroy: (id) => guests.destroy(id),
    events: (signal) => guestEvents(host, guests, signal),
    reconnections: (signal) => reconnections(host, signal),
    consoleOutput: (id, maxBytes) => consoleTail(paths.consoleLog(id), maxBytes),
    diagnostics,
  }
}
