// The compute agent of one host: the conductor's calls, done with a hypervisor, a storage and the network agent.
import { type Clock, systemClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { consoleText } from './console-text.ts'
import { GB } from './disks/disk-mapping.ts'
import type { GuestStorage } from './disks/guest-storage.ts'
import { fault } from './faults.ts'
import { GuestQueue } from './guest-queue.ts'
import type { GuestSpec, GuestVif } from './guest-spec.ts'
import type { Hypervisor } from './hypervisor.ts'
import { configDriveFiles, type VendorData } from './metadata/instance-metadata.ts'
import { shutDown } from './power-off.ts'
import { POWER } from './power-state.ts'
import type { ComputeAgent, HostInventory, RebootGuest, StopGuest } from './protocol.ts'
import type { VifPlugger } from './vif-plugger.ts'

export interface ComputeAgentParts {
  hypervisor: Hypervisor
  storage: GuestStorage
  vifs: VifPlugger
  /** The compute node's uuid. */
  nodeUuid: string
  dhcpDomain: string
  vendorData: (guest: GuestSpec) => Promise<VendorData>
  clock?: Clock
}

const CONSOLE_BYTES = 102_400
const SHUTDOWN_TIMEOUT = 60
const SOFT_REBOOT_TIMEOUT = 120

/** The agent as one object of plain functions, ready to be served on `computeTopic(host)`. */
export function computeAgent(parts: ComputeAgentParts): ComputeAgent {
  const { hypervisor, storage, clock = systemClock } = parts
  // Files, network and domain of one guest are worked on side by side, each in its own order.
  const [queue, files, network] = [new GuestQueue(), new GuestQueue(), new GuestQueue()]
  const onceIn = (line: GuestQueue, id: string, work: () => Promise<unknown>) =>
    line.run(id, async () => {
      await work()
      return null
    })
  const once = (id: string, work: () => Promise<unknown>) => onceIn(queue, id, work)

  const plug = async ({ vifs }: GuestSpec): Promise<void> => {
    for (const vif of vifs) await plugOne(parts.vifs, vif)
  }
  const boot = async (guest: GuestSpec): Promise<void> => {
    await plug(guest)
    await hypervisor.define(guest)
    await hypervisor.start(guest.id, { paused: false })
  }
  const off = async (id: string, seconds: number, signal: AbortSignal): Promise<boolean> => {
    const clean = await shutDown(hypervisor, clock, { id, timeout: seconds * 1000, signal })
    await hypervisor.stop(id, 'force') // also waits for a guest that is still on its way down
    return clean
  }

  const agent: ComputeAgent = {
    prepareImage: (image) => storage.prepareImage(image),
    createDisks: (guest) => files.run(guest.id, () => storage.createDisks(guest)),
    makeConfigDrive: (guest) =>
      onceIn(files, guest.id, () =>
        storage.makeConfigDrive(guest, async () => {
          const vendorData = await parts.vendorData(guest)
          return configDriveFiles(guest, { dhcpDomain: parts.dhcpDomain, vendorData })
        }),
      ),
    plug: (guest) => onceIn(network, guest.id, () => plug(guest)),
    unplug: (guest) =>
      onceIn(network, guest.id, async () => {
        for (const vif of guest.vifs) await parts.vifs.unplug(vif)
      }),
    define: (guest) => queue.run(guest.id, () => hypervisor.define(guest)),
    startPaused: ({ id }) => once(id, () => hypervisor.start(id, { paused: true })),
    resumeGuest: ({ id }) => once(id, () => hypervisor.resume(id)),
    suspendGuest: ({ id }) => once(id, () => hypervisor.suspend(id)),
    start: (guest) => once(guest.id, () => boot(guest)),
    async stop({ id, how, timeout = SHUTDOWN_TIMEOUT }: StopGuest): Promise<{ clean: boolean }> {
      if (how === 'acpi') return { clean: await queue.run(id, (signal) => off(id, timeout, signal)) }
      await queue.runUrgently(id, () => hypervisor.stop(id, 'force'))
      return { clean: false }
    },
    async reboot({ guest, how, timeout = SOFT_REBOOT_TIMEOUT }: RebootGuest): Promise<{ how: 'soft' | 'hard' }> {
      const { id } = guest
      return queue.run(id, async (signal) => {
        if (how === 'soft' && (await off(id, timeout, signal))) {
          await hypervisor.start(id, { paused: false })
          return { how: 'soft' }
        }
        await hypervisor.stop(id, 'force')
        await boot(guest)
        return { how: 'hard' }
      })
    },
    async destroyGuest({ id }): Promise<null> {
      await queue.runUrgently(id, () => hypervisor.destroy(id))
      return null
    },
    deleteFiles: ({ id }) =>
      onceIn(files, id, async () => {
        const defined = (await hypervisor.powerState(id)) !== POWER.NOSTATE
        if (defined) throw fault('GuestBusy', { id, why: 'its files are in use while it is defined' })
        await storage.deleteFiles(id)
      }),
    powerState: ({ id }) => hypervisor.powerState(id),
    consoleOutput: async ({ id, length }) => consoleText(await hypervisor.consoleOutput(id, CONSOLE_BYTES), length),
    inventory: () => hostInventory(parts),
    guests: () => hypervisor.guests(),
    storedGuests: () => storage.guests(),
  }
  const { diagnostics, managedSave, restore } = hypervisor
  if (diagnostics) agent.diagnostics = ({ id }) => diagnostics(id)
  if (managedSave) agent.managedSave = ({ id }) => once(id, () => managedSave(id))
  if (restore) {
    agent.restore = (guest) =>
      once(guest.id, async () => {
        await plug(guest)
        await restore(guest.id)
      })
  }
  return agent
}

async function plugOne(plugger: VifPlugger, vif: GuestVif): Promise<void> {
  try {
    await plugger.plug(vif)
  } catch (error) {
    throw isFault(error) ? error : fault('VifPlugFailed', { port: vif.portId }, error)
  }
}

async function hostInventory({ hypervisor, storage, nodeUuid }: ComputeAgentParts): Promise<HostInventory> {
  const [inventory, { total, used, promised }] = await Promise.all([hypervisor.inventory(), storage.space()])
  return {
    ...inventory,
    uuid: nodeUuid,
    localGb: Math.floor(total / GB),
    localGbUsed: Math.floor(used / GB),
    diskAvailableLeast: Math.floor((total - used - promised) / GB),
  }
}
