// What the conductor may ask of a host: messages on the topic `compute.<host>`, one plain-data argument each.
import type { Holding } from './disks/disk-backend.ts'
import type { RebuiltDisks } from './disks/disk-mapping.ts'
import type { DiskOffer } from './disks/guest-storage.ts'
import type { GuestDevice, GuestDisk, GuestImage, GuestSpec, IsolatedDisk } from './guest-spec.ts'
import type { ConsoleKind, GuestDiagnostics, GuestState, HypervisorInventory, StalledGuest } from './hypervisor.ts'
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
  /** Whole devices that guests may have; each is one unit of placement's CUSTOM_DISK_ISOLATED. */
  isolatedDisks?: IsolatedDisk[]
  /** What servers' disks can be asked to be made as here. */
  imagesTypes?: string[]
  /** GB left once all thin disks have grown to their size; may be negative. */
  diskAvailableLeast: number
  /** The address by which others reach the host; absent while it tells none. */
  hostIp?: string
}

export type { ConsoleKind, GuestDiagnostics } from './hypervisor.ts'

/** A TCP port of the host on which guests' consoles can be had, for those who come with a secret. */
export interface ConsoleAddress {
  host: string
  port: number
}

/**
 * A console that waits for its user. Whoever connects within 10 s and sends the secret and a line feed gets the
 * console's bytes from then on, both ways. The secret holds once. The guest's end closes the connection.
 */
export interface OpenedConsole extends ConsoleAddress {
  secret: string
}

/** A guest's name for calls that need nothing else. */
export interface GuestId {
  id: string
}

export interface GuestPort {
  guest: GuestSpec
  portId: string
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

export interface SnapshotOfGuest {
  /** With the disks that it has. */
  guest: GuestSpec
  /** The image that is to be filled; it names the work. */
  imageId: string
}

export type SnapshotProgress =
  | { done: false; doing: 'waiting' | 'copying' | 'uploading'; percent: number }
  /** `size`: bytes of the file. */
  | { done: true; format: 'raw' | 'qcow2' | 'vmdk' | 'vdi'; size: number }

export interface RescueGuest {
  guest: GuestSpec
  /** What it is to boot from; prepared. */
  image: GuestImage
}

export interface RebuildGuest extends RebuiltDisks {
  guest: GuestSpec
}

export interface MovedDisks {
  guest: GuestSpec
  planned: GuestDisk[]
}

/**
 * Every call may be repeated: a second one finds the work done and answers the same. Calls for one guest run one
 * after another; `stop` by force and `destroyGuest` cut short a wait of an earlier call.
 * A build is: prepareImage, createDisks, plug, define, makeConfigDrive, startPaused, resumeGuest.
 * Taking down is: destroyGuest, unplug, deleteFiles.
 * A rescue is: prepareImage, createRescueDisks, stop, then with `guest.rescue` define, makeConfigDrive, start.
 * A rebuild is: prepareImage, planRebuild, then with those disks createDisks, stop, define, makeConfigDrive, start;
 * at last removeDisks of those it had.
 */
export interface ComputeAgent {
  /** Brings the image into the host's cache, checked and made raw. Answers its virtual size in bytes. */
  prepareImage(image: GuestImage): Promise<{ size: number }>
  /** Makes the disks; answers what to record in `guest.disks`. With disks recorded, makes those that are missing. */
  createDisks(guest: GuestSpec): Promise<GuestDisk[]>
  /**
   * The disks that the guest is to have here with its flavor, volumes included, made from those it records; makes
   * nothing. With a generation, which ends their names, none lies where one of those lies.
   */
  planMove(request: { guest: GuestSpec; generation: string | null }): Promise<GuestDisk[]>
  /** Makes the planned disks from those that the guest records here, which stay. The guest is off. */
  copyDisks(request: MovedDisks): Promise<null>
  /** Lets one other host take the disks that the guest records, until they are withdrawn. The guest is off. */
  offerDisks(guest: GuestSpec): Promise<DiskOffer>
  withdrawDisks(guest: GuestId): Promise<null>
  /** As copyDisks, from what another host offers; the guest records how it lies there. */
  takeDisks(request: MovedDisks & { offer: DiskOffer }): Promise<null>
  /** Makes what it takes to boot from the image; answers what to record in `guest.rescue.disks`. */
  createRescueDisks(request: RescueGuest): Promise<GuestDisk[]>
  removeRescueDisks(guest: GuestId): Promise<null>
  /** The disks that a rebuilt guest is to have, volumes included, beside those it has. Makes nothing. */
  planRebuild(request: RebuildGuest): Promise<GuestDisk[]>
  /** These disks of the guest are gone, with what they stand on. */
  removeDisks(request: GuestId & { disks: GuestDisk[] }): Promise<null>
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
  /** Plugs the port, one of the guest's vifs, now and for its next start; answers what to record in `guest.devices`. */
  attachInterface(request: GuestPort): Promise<GuestDevice[]>
  /** The guest, with the port still among its vifs, loses it. Waits until it has let go of the device. */
  detachInterface(request: GuestPort): Promise<GuestDevice[]>
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
  /**
   * Guests that stand still because a write to a disk had no room, and whether there is room now. Absent where the
   * hypervisor does not tell.
   */
  stalledGuests?(): Promise<(StalledGuest & { hasRoom: boolean })[]>
  /** What guests have outside their folders: logical volumes, mounts, whole devices. */
  storedDisks(): Promise<Holding[]>
  /** Saves the memory of a guest that runs and ends it. Absent where the hypervisor lacks it. */
  managedSave?(guest: GuestId): Promise<null>
  /** Plugs, then goes on from the saved memory, or boots when none is saved. Absent where `managedSave` is. */
  restore?(guest: GuestSpec): Promise<null>
  /** By the agent inside the guest. Absent where the hypervisor lacks it. */
  setPassword?(request: GuestId & { user: string; password: string }): Promise<null>
  /** Tells the guest's kernel to crash, which writes a dump if it is set up so. Absent where the hypervisor lacks it. */
  triggerCrashDump?(guest: GuestId): Promise<null>
  /**
   * Has the root disk copied into a file, and answers within seconds how far that is. What nobody asks after for a
   * quarter of an hour is ended. Throws QuiesceNotPossible. Absent where the host makes no snapshots.
   */
  copySnapshot?(snapshot: SnapshotOfGuest): Promise<SnapshotProgress>
  /** Likewise has the copy sent to its image, whose formats are known; one that a restart has lost is made anew. */
  uploadSnapshot?(snapshot: SnapshotOfGuest): Promise<SnapshotProgress>
  /** No copy is made or sent, no file of it is left, and the guest is as it was before. */
  removeSnapshot?(snapshot: SnapshotOfGuest): Promise<null>
  /** The ids of images for which files lie here. */
  storedSnapshots(): Promise<string[]>
  /** Throws as openConsole does, without opening anything. Absent where the hypervisor lacks consoles. */
  consoleAddress?(request: GuestId & { kind: ConsoleKind }): Promise<ConsoleAddress>
  /**
   * GuestNotFound, GuestOff, ConsoleUnavailable. Each call opens one; a serial port is taken from its user
   * before. Absent where the hypervisor lacks consoles.
   */
  openConsole?(request: GuestId & { kind: ConsoleKind }): Promise<OpenedConsole>
  /** Absent where the hypervisor lacks it. GuestOff when the guest is off. */
  diagnostics?(guest: GuestId): Promise<GuestDiagnostics>
}

export type ComputeAgentMethod = keyof ComputeAgent
