// What the compute agent asks of a host's hypervisor. Absent ability: absent property.
import type { Duplex } from 'node:stream'
import type { GuestDevice, GuestSpec, GuestVif } from './guest-spec.ts'
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
  /** What its guests may be given, as standard traits of placement. */
  traits: string[]
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
  /** Bits of a physical address; absent where the hypervisor does not tell. */
  maxphysaddr?: { mode: string; bits: number }
}

/** A guest of this cloud that the hypervisor knows. */
export interface GuestState {
  id: string
  name: string
  powerState: PowerState
}

/** A guest that stands still because a write to one of its disks had no room on the host. */
export interface StalledGuest {
  id: string
  /** The disk's name in the domain: `vda`. */
  disk: string
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
  /** Those that the hypervisor has paused for want of room: `resume` writes again what failed. Absent where none is. */
  readonly stalled?: () => Promise<StalledGuest[]>
  /** NOSTATE when there is no such guest. */
  powerState(id: string): Promise<PowerState>
  /** Makes the guest exist, shut off, exactly as specified; redefines one that exists. Answers its tagged devices. */
  define(guest: GuestSpec): Promise<GuestDevice[]>
  /** A guest that runs gets or loses one device; its definition becomes as specified. Answers its tagged devices. */
  attachVif(guest: GuestSpec, vif: GuestVif): Promise<GuestDevice[]>
  /** Throws GuestBusy when the system inside does not let go of it. */
  detachVif(guest: GuestSpec, vif: GuestVif): Promise<GuestDevice[]>
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
  /** The agent inside a running guest sets a user's password. */
  readonly setPassword?: (id: string, user: string, password: string) => Promise<void>
  /** An NMI for a running guest. */
  readonly injectNmi?: (id: string) => Promise<void>
  /** Absent where disks can be copied only while their guest is off. */
  readonly diskCopies?: DiskCopies
  /** Figures of a running guest, as GET …/diagnostics has them since 2.48. GuestOff when it is off. */
  readonly diagnostics?: (id: string) => Promise<GuestDiagnostics>
  readonly consoles?: GuestConsoles
}

/** What of a guest can be used from afar: its first serial port, its screen with keyboard and mouse. */
export type ConsoleKind = 'serial' | 'vnc'

/** Both throw GuestNotFound, and GuestOff for a guest that is off. */
export interface GuestConsoles {
  /** Those that the guest, as it runs now, has. */
  kinds(id: string): Promise<ConsoleKind[]>
  /**
   * The bytes of one of them, until the guest is off or the stream is destroyed. The serial port has one user: whoever
   * opens it takes it from the one before. VNC begins with the server's greeting, and has no password. ConsoleUnavailable
   * when the guest has none of that kind.
   */
  open(id: string, kind: ConsoleKind): Promise<Duplex>
}

/** Each call may be repeated. What `copy` and `hold` begin outlives this process: `release` ends it, at any point. */
export interface DiskCopies {
  /**
   * Copies what a disk holds itself into a file over the same base while its guest goes on, as of the moment it ends.
   * Throws QuiesceNotPossible.
   */
  copy(id: string, how: DiskCopy): Promise<void>
  /** Saves the memory of a guest that runs or is paused: its disks stand still until `release`. Nothing when off. */
  hold(id: string): Promise<void>
  /** Nothing is copied, nothing is frozen, and a guest that was held goes on as before. Nothing when gone. */
  release(id: string): Promise<void>
  /** The guests for which `release` may have something to do. */
  begun(): Promise<string[]>
}

export interface DiskCopy {
  /** The disk's name in the domain: `vda`. */
  target: string
  /** A qcow2 file, made by `GuestStorage.createDelta`. */
  to: string
  /** Whether the guest's agent holds its file systems still for the last moment: `try` goes on when it does not. */
  freeze: 'no' | 'try' | 'must'
  /** Told now and then: from 0 to 1. */
  progress: (share: number) => void
  signal: AbortSignal
}

export interface GuestDiagnostics {
  state: 'pending' | 'running' | 'paused' | 'shutdown' | 'crashed' | 'suspended'
  driver: string
  hypervisor: string
  hypervisorOs: string
  numCpus: number
  numNics: number
  numDisks: number
  /** `time` in nanoseconds. */
  cpuDetails: { id: number; time: number | null }[]
  nicDetails: {
    /** The device on the host. */
    target: string
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
    /** The name in the domain: `vda` … */
    target: string
    readBytes: number
    readRequests: number
    writeBytes: number
    writeRequests: number
    errorsCount: number | null
  }[]
  /** MB. */
  memoryDetails: { maximum: number; used: number }
  /** libvirt's own figures of the memory, by its names for them; in KiB where they are amounts. */
  memoryStats: Record<string, number>
}
