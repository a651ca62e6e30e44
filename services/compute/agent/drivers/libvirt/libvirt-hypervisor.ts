// The hypervisor driver for libvirt and QEMU.
import { systemClock } from '@kilonova/base/clock'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import type { GuestDevice, GuestSpec } from '../../guest-spec.ts'
import type { GuestDiagnostics, Hypervisor, HypervisorInventory } from '../../hypervisor.ts'
import type { InstancePaths } from '../../instance-paths.ts'
import { consoleTail } from './console.ts'
import { readDiagnostics } from './diagnostics.ts'
import { LibvirtDiskCopies } from './disk-copies.ts'
import { domainFault } from './domain-faults.ts'
import { type DomainHost, domainXml } from './domain-xml.ts'
import { guestEvents, reconnections } from './events.ts'
import { guestConsoles } from './guest-consoles.ts'
import { hasTags, interfaceMacs, taggedDevices } from './guest-devices.ts'
import { Guests } from './guests.ts'
import { HotPlug } from './hot-plug.ts'
import { type Capabilities, hypervisorInventory, readCapabilities } from './inventory.ts'

export type LibvirtHypervisorOptions = {
  /** The caller closes it. */
  host: LibvirtHost
  paths: InstancePaths
  /** Where a file lies that libvirtd sees at a path; default: there. */
  pathOutside?: (path: string) => string
} & Omit<DomainHost, 'arch' | 'consoleLog'>

/** A driver for the guests that carry `cloudTag`; other clouds' domains on the same libvirtd are never touched. */
export function libvirtHypervisor(options: LibvirtHypervisorOptions): Hypervisor {
  const { host, paths, pathOutside = (path) => path, ...domainHost } = options
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
    return hasTags(guest) ? taggedDevices(await guests.xml(guest.id), guest) : []
  }

  const hotPlug = new HotPlug(host, systemClock, (id) => guests.liveXml(id))
  const redefine = async (guest: GuestSpec): Promise<GuestDevice[]> => {
    const devices = await define(guest)
    return (await guests.isOn(guest.id)) ? taggedDevices(await guests.liveXml(guest.id), guest) : devices
  }

  const diagnostics = async (id: string): Promise<GuestDiagnostics> => {
    const macs = interfaceMacs(await guests.runningXml(id))
    return readDiagnostics(host, id, domainHost.virtType, macs)
  }

  const inventory = async (): Promise<HypervisorInventory> => {
    try {
      return await hypervisorInventory(host, await capabilities(), { display: domainHost.vnc })
    } catch (error) {
      throw domainFault(error, '')
    }
  }

  return {
    name: 'libvirt',
    inventory,
    guests: () => guests.list(),
    stalled: () => guests.stalled(),
    powerState: (id) => guests.powerState(id),
    define,
    attachVif: async (guest, vif) => {
      if (await guests.isOn(guest.id)) await hotPlug.plug(guest, vif)
      return redefine(guest)
    },
    detachVif: async (guest, vif) => {
      if (await guests.isOn(guest.id)) await hotPlug.unplug(guest, vif)
      return redefine(guest)
    },
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
    setPassword: (id, user, password) => guests.setPassword(id, user, password),
    injectNmi: (id) => guests.injectNmi(id),
    diagnostics,
    diskCopies: new LibvirtDiskCopies({ host, guests, paths }),
    consoles: guestConsoles(host, guests, pathOutside),
  }
}
