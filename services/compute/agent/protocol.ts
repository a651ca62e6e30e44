// What the conductor may ask of a host: messages on the topic `compute.<host>`, one plain-data argument each.
import type { GuestDevice, GuestDisk, GuestImage, GuestSpec } from './guest-spec.ts'
import type { GuestDiagnostics, GuestState, HypervisorInventory } from './hypervisor.ts'
import type { PowerState } from './power-state.ts'

/** The topic that the agent of a host listens on. */
export function computeTopic(host: string): string {
  return `compute.${host}`
}

/** The figures of a host that Nova calls its resources (seed of the compute node and of placement's inventories). */
export interface HostInventory extends HypervisorInventory {
  /** The compute node's uuid, made once and kept on the host. */
  uuid: string
  localGb: number
  localGbUsed: number
  /** GB left once all thin disks have grown to their size; may be negative. */
  diskAvailableLeast: number
}

/** A guest's name for calls that need nothing else. */
export interface GuestId {
  id: string
}

export interface StopGuest extends GuestId {
  /** `acpi` asks the guest and, when `timeout` has passed, forces it; `force` pulls the plug. */
  how: 'acpi' | 'force'
  /** Seconds that the guest may take. Default 60. */
  timeout?: number
}

export interface RebootGuest {
  guest: GuestSpec
  how: 'soft' | 'hard'
  /** Seconds after which a soft reboot becomes a hard one. Default 120. */
  timeout?: number
}

/**
 * Every call may be repeated: a second one finds the work done and answers the same. Calls for one guest run one
 * after another; `stop` by force and `destroyGuest` cut short a wait of an earlier call.
 * A build is: prepareImage, createDisks, plug, define, makeConfigDrive, startPaused, resumeGuest.
 * Taking down is: destroyGuest, unplug, deleteFiles.
 */
export interface ComputeAgent {
  /** Brings the image into the host's cache, checked and made raw. Answers its virtual size in bytes. */
  prepareImage(image: GuestImage): Promise<{ size: number }>
  /** Makes the disks; answers what to record in `guest.disks`. With disks recorded, makes those that are missing. */
  createDisks(guest: GuestSpec): Promise<GuestDisk[]>
  /** Writes the config drive if the guest has one and it is not there yet. */
  makeConfigDrive(guest: GuestSpec): Promise<null>
  /** Makes the taps and their filters. */
  plug(guest: GuestSpec): Promise<null>
  unplug(guest: GuestSpec): Promise<null>
  /** Makes or renews the domain; answers what to record in `guest.devices`. */
  define(guest: GuestSpec): Promise<GuestDevice[]>
  startPaused(guest: GuestId): Promise<null>
  resumeGuest(guest: GuestId): Promise<null>
  suspendGuest(guest: GuestId): Promise<null>
  /** Plugs, defines anew and starts. */
  start(guest: GuestSpec): Promise<null>
  /** `clean` is false when it had to be forced. */
  stop(request: StopGuest): Promise<{ clean: boolean }>
  /** Answers how it was done in the end. */
  reboot(request: RebootGuest): Promise<{ how: 'soft' | 'hard' }>
  /** The domain is off and gone; disks and taps stay. */
  destroyGuest(guest: GuestId): Promise<null>
  /** The instance's directory is gone. Refused while the guest is defined. */
  deleteFiles(guest: GuestId): Promise<null>
  powerState(guest: GuestId): Promise<PowerState>
  /** The last `length` lines; null: all that is kept; 0: none. ASCII, other bytes replaced. */
  consoleOutput(request: GuestId & { length: number | null }): Promise<string>
  inventory(): Promise<HostInventory>
  guests(): Promise<GuestState[]>
  /** The ids of the guests whose files lie here, and whatever else was put beside them. */
  storedGuests(): Promise<string[]>
  /** Saves the memory of a guest that runs and ends it. Absent where the hypervisor lacks it. */
  managedSave?(guest: GuestId): Promise<null>
  /** Plugs, then goes on from the saved memory, or boots when none is saved. Absent where `managedSave` is. */
  restore?(guest: GuestSpec): Promise<null>
  /** Absent where the hypervisor lacks it. */
  diagnostics?(guest: GuestId): Promise<GuestDiagnostics>
}

export type ComputeAgentMethod = keyof ComputeAgent
