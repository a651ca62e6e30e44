// What the compute agent asks of a host's hypervisor. Absent ability: absent property.
import type { GuestDevice, GuestSpec } from './guest-spec.ts'
import type { PowerState } from './power-state.ts'

/** What the hypervisor itself can give; disks are counted by the storage. */
export interface HypervisorInventory {
  /** [arch, hv_type, vm_mode] */
  supportedInstances: [string, string, string][]
  vcpus: number
  memoryMb: number
  /** Sum over all running guests of the host, ours or not. */
  vcpusUsed: number
  memoryMbUsed: number
  hypervisorType: string
  /** As an integer: 7.2.22 is 7002022. */
  hypervisorVersion: number
  hypervisorHostname: string
  cpuInfo: CpuInfo
  numaTopology: { id: number; cpus: number[]; memoryMb: number }[]
  /** As the command `uptime` says it. */
  uptime: string
}

export interface CpuInfo {
  arch: string
  model: string
  vendor: string
  topology: { cells: number; sockets: number; cores: number; threads: number }
  features: string[]
}

/** A guest of this cloud that the hypervisor knows. */
export interface GuestState {
  id: string
  name: string
  powerState: PowerState
}

export interface GuestEvent {
  id: string
  event: 'started' | 'stopped' | 'paused' | 'resumed' | 'postcopy_started'
  /** The state the event speaks of; ask `powerState` for what holds now. */
  powerState: PowerState
}

/**
 * Every call may be repeated, names the guest by its server's id, and touches only guests of this cloud.
 * Throws the faults of faults.ts: GuestNotFound, GuestBusy, HypervisorUnreachable …
 */
export interface Hypervisor {
  readonly name: 'libvirt' | 'fake'
  inventory(): Promise<HypervisorInventory>
  /** All guests of this cloud that are really there. An unreachable hypervisor throws, it never answers "none". */
  guests(): Promise<GuestState[]>
  /** NOSTATE when there is no such guest. */
  powerState(id: string): Promise<PowerState>
  /** Makes the guest exist, shut off, exactly as specified; redefines one that exists. Answers its tagged devices. */
  define(guest: GuestSpec): Promise<GuestDevice[]>
  /** Boots, forgetting a memory that is saved. Nothing when it already runs (or is paused). */
  start(id: string, how: { paused: boolean }): Promise<void>
  /** Stops its processors. Nothing when paused. */
  suspend(id: string): Promise<void>
  /** Lets its processors run. Nothing when running. */
  resume(id: string): Promise<void>
  /** `acpi` presses the power button and returns at once; `force` returns when it is off. Nothing when off or gone. */
  stop(id: string, how: 'acpi' | 'force'): Promise<void>
  /** Off and undefined, with all that the hypervisor keeps for it. Nothing when gone. */
  destroy(id: string): Promise<void>
  /** Changes as they happen, from the first `next` on, until the signal aborts. After a lost connection it goes on. */
  events(signal: AbortSignal): AsyncIterable<GuestEvent>
  /** Each time that a lost connection to it is back: events may have been missed. Absent where none can be lost. */
  reconnections?(signal: AbortSignal): AsyncIterable<unknown>
  /** What the guest wrote to its serial console: the newest bytes, at most `maxBytes`. Empty when none. */
  consoleOutput(id: string, maxBytes: number): Promise<Uint8Array>
  /** Saves the memory of a guest that runs and ends it. Nothing when it is off with its memory saved. */
  readonly managedSave?: (id: string) => Promise<void>
  /** Goes on from the saved memory, or boots when none is saved. Nothing when running. */
  readonly restore?: (id: string) => Promise<void>
  /** Figures of a running guest, as GET …/diagnostics has them since 2.48. */
  readonly diagnostics?: (id: string) => Promise<GuestDiagnostics>
}

export interface GuestDiagnostics {
  state: 'pending' | 'running' | 'paused' | 'shutdown' | 'crashed' | 'suspended'
  driver: string
  hypervisor: string
  hypervisorOs: string
  /** Seconds. */
  uptime: number | null
  numCpus: number
  numNics: number
  numDisks: number
  /** `time` in nanoseconds. */
  cpuDetails: { id: number; time: number | null }[]
  nicDetails: {
    macAddress: string
    rxOctets: number
    rxErrors: number
    rxDrop: number
    rxPackets: number
    txOctets: number
    txErrors: number
    txDrop: number
    txPackets: number
  }[]
  diskDetails: {
    readBytes: number
    readRequests: number
    writeBytes: number
    writeRequests: number
    errorsCount: number | null
  }[]
  /** MB. */
  memoryDetails: { maximum: number; used: number }
}
