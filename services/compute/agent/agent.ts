// The compute agent of one host: the conductor's calls, done with a hypervisor, a storage and the network agent.
import { type Clock, systemClock } from '@kilonova/base/clock'
import type { ConsoleListener } from './console-listener.ts'
import { consoleText } from './console-text.ts'
import { diskCalls } from './disk-calls.ts'
import { GB } from './disks/disk-mapping.ts'
import type { GuestStorage } from './disks/guest-storage.ts'
import { fault } from './faults.ts'
import { GuestQueue } from './guest-queue.ts'
import type { GuestSpec } from './guest-spec.ts'
import type { Hypervisor } from './hypervisor.ts'
import { interfaceCalls } from './interface-calls.ts'
import { configDriveFiles, type VendorData } from './metadata/instance-metadata.ts'
import { shutDown } from './power-off.ts'
import { POWER } from './power-state.ts'
import type { ComputeAgent, HostInventory, RebootGuest, StopGuest } from './protocol.ts'
import { bootedGuest } from './rescued-guest.ts'
import type { SnapshotParts } from './snapshots.ts'
import { snapshotCalls } from './snapshots.ts'
import type { VifPlugger } from './vif-plugger.ts'
import { plugVif } from './vif-plugger.ts'

export interface ComputeAgentParts {
  hypervisor: Hypervisor
  storage: GuestStorage
  vifs: VifPlugger
  /** The compute node's uuid. */
  nodeUuid: string
  dhcpDomain: string
  /** The address by which others reach this host. */
  hostIp?: string
  vendorData: (guest: GuestSpec) => Promise<VendorData>
  /** Where consoles are handed out; absent: nowhere. */
  consoles?: ConsoleListener | undefined
  clock?: Clock
  /** Absent where no snapshots are made. */
  snapshots?: Pick<SnapshotParts, 'image' | 'most' | 'alwaysHolds'>
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
    for (const vif of vifs) await plugVif(parts.vifs, vif)
  }
  const boot = async (guest: GuestSpec): Promise<void> => {
    await plug(guest)
    await hypervisor.define(bootedGuest(guest))
    await hypervisor.start(guest.id, { paused: false })
  }
  const off = async (id: string, seconds: number, signal: AbortSignal): Promise<boolean> => {
    const clean = await shutDown(hypervisor, clock, { id, timeout: seconds * 1000, signal })
    await hypervisor.stop(id, 'force') // also waits for a guest that is still on its way down
    return clean
  }

  const agent: ComputeAgent = {
    ...interfaceCalls(parts, { queue, network }),
    ...diskCalls(storage, files),
    makeConfigDrive: (guest) =>
      onceIn(files, guest.id, () =>
        storage.makeConfigDrive(bootedGuest(guest), async () => {
          const vendorData = await parts.vendorData(guest)
          return configDriveFiles(guest, { dhcpDomain: parts.dhcpDomain, vendorData })
        }),
      ),
    plug: (guest) => onceIn(network, guest.id, () => plug(guest)),
    unplug: (guest) =>
      onceIn(network, guest.id, async () => {
        for (const vif of guest.vifs) await parts.vifs.unplug(vif)
      }),
    define: (guest) => queue.run(guest.id, () => hypervisor.define(bootedGuest(guest))),
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
      const hard = async (): Promise<{ how: 'hard' }> => {
        await hypervisor.stop(id, 'force')
        await boot(guest)
        return { how: 'hard' }
      }
      if (how === 'hard') return queue.runUrgently(id, hard)
      return queue.run(id, async (signal) => {
        if (!(await off(id, timeout, signal))) return hard()
        await hypervisor.start(id, { paused: false })
        return { how: 'soft' }
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
    storedSnapshots: () => storage.work(),
    storedDisks: () => storage.holdings(),
  }
  if (parts.snapshots) {
    const inTurn: SnapshotParts['inTurn'] = (id, work) => queue.run(id, work)
    Object.assign(agent, snapshotCalls({ ...parts.snapshots, hypervisor, storage, clock, plug, inTurn }))
  }
  if (parts.consoles) Object.assign(agent, parts.consoles.calls)
  return { ...agent, ...abilities(hypervisor, once, plug), ...stalledCall(parts) }
}

type Once = (id: string, work: () => Promise<unknown>) => Promise<null>

/** Calls that not every hypervisor can answer. */
function abilities(
  { diagnostics, managedSave, restore, setPassword, injectNmi }: Hypervisor,
  once: Once,
  plug: (guest: GuestSpec) => Promise<void>,
): Partial<ComputeAgent> {
  const calls: Partial<ComputeAgent> = {}
  if (diagnostics) calls.diagnostics = ({ id }) => diagnostics(id)
  if (setPassword) calls.setPassword = ({ id, user, password }) => once(id, () => setPassword(id, user, password))
  if (injectNmi) calls.triggerCrashDump = ({ id }) => once(id, () => injectNmi(id))
  if (managedSave) calls.managedSave = ({ id }) => once(id, () => managedSave(id))
  if (restore) {
    calls.restore = (guest) =>
      once(guest.id, async () => {
        await plug(guest)
        await restore(guest.id)
      })
  }
  return calls
}

function stalledCall({ hypervisor, storage }: ComputeAgentParts): Pick<ComputeAgent, 'stalledGuests'> {
  if (!hypervisor.stalled) return {}
  return {
    async stalledGuests() {
      const stalled = await hypervisor.stalled!()
      return Promise.all(stalled.map(async (guest) => ({ ...guest, hasRoom: await storage.hasRoom(guest.id) })))
    },
  }
}

async function hostInventory({ hypervisor, storage, nodeUuid, hostIp }: ComputeAgentParts): Promise<HostInventory> {
  const [inventory, { total, used, promised }, isolatedDisks, imagesTypes] = await Promise.all([
    hypervisor.inventory(),
    storage.space(),
    storage.isolatedDisks(),
    storage.imagesTypes(),
  ])
  return {
    ...inventory,
    uuid: nodeUuid,
    ...(hostIp === undefined ? {} : { hostIp }),
    localGb: Math.floor(total / GB),
    localGbUsed: Math.floor(used / GB),
    isolatedDisks,
    imagesTypes,
    diskAvailableLeast: Math.floor((total - used - promised) / GB),
  }
}
