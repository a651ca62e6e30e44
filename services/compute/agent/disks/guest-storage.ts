// What the agent asks of the place where guests' disks live; the fake driver has one that holds no bytes.
import type { Readable } from 'node:stream'
import type { GuestDisk, GuestImage, GuestSpec, IsolatedDisk } from '../guest-spec.ts'
import type { DiskFacts, Holding, PoolSpace } from './disk-backend.ts'
import type { DoorKey } from './disk-door.ts'
import type { RebuiltDisks } from './disk-mapping.ts'

export interface StorageSpace extends PoolSpace {
  /** What thin disks may still grow by. */
  promised: number
}

export type ExtractFormat = 'raw' | 'qcow2' | 'vmdk' | 'vdi'

export interface ExtractTarget {
  /** A uuid that names the work, such as the image's: a second call with it finds the file. */
  id: string
  /** Default: snapshot_image_format, or what the disk is. */
  format?: ExtractFormat
  /** Read in place of the disk: what a live copy wrote. */
  source?: { path: string; format: GuestDisk['format'] }
  /** Ends the copying half-way. */
  signal?: AbortSignal
}

/** A flat file of a disk's content that stands alone. */
export interface Extracted {
  path: string
  format: ExtractFormat
  /** Bytes of the file. */
  size: number
}

/** Where another host takes disks from: a door of this host, or without bytes what there is to know of them. */
export type DiskOffer = DoorKey | { content: string }

/** Every call may be repeated. Throws HostOutOfRoom when a disk has no room, with nothing half-made left. */
export interface GuestStorage {
  prepareImage(image: GuestImage): Promise<{ size: number }>
  createDisks(guest: GuestSpec): Promise<GuestDisk[]>
  /** Writes the files, by their path in the drive, unless the drive is already there. */
  makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void>
  deleteFiles(id: string): Promise<void>
  space(): Promise<StorageSpace>
  /** The ids of the guests that have files, and the names of what else lies beside them; cached images are left out. */
  guests(): Promise<string[]>
  /**
   * Names the disks that a guest is to have here with its flavor, volumes included, made from those it records; makes
   * nothing. With a generation none of them lies where one of those lies; only what is never written is shared.
   * Throws ResizeError for a disk that would shrink, GuestInvalid for one that cannot be here.
   */
  planMove(guest: GuestSpec, generation: string | null): Promise<GuestDisk[]>
  /** Makes the planned disks from those that the guest, which is off, records; these stay. Swap is made anew. */
  copyDisks(guest: GuestSpec, planned: readonly GuestDisk[]): Promise<void>
  /** Lets one other host take the disks that the guest records, until they are withdrawn. The guest is off. */
  offerDisks(guest: GuestSpec): Promise<DiskOffer>
  withdrawDisks(id: string): Promise<void>
  /** As copyDisks, from what another host offers; the guest records how it lies there. */
  takeDisks(guest: GuestSpec, planned: readonly GuestDisk[], offer: DiskOffer): Promise<void>
  /**
   * Makes the disks for rescuing a guest with a prepared image; answers all that the guest has while it is rescued.
   * Its config drive, when it has one, is a new one that `makeConfigDrive` of that guest writes.
   */
  createRescueDisks(guest: GuestSpec, image: GuestImage): Promise<GuestDisk[]>
  removeRescueDisks(id: string): Promise<void>
  /** Names the disks that a rebuilt guest is to have, volumes included, beside those it has; makes nothing. */
  planRebuild(guest: GuestSpec, how: RebuiltDisks): Promise<GuestDisk[]>
  /** Removes these disks of the guest, and the links to what they stand on. */
  removeDisks(id: string, disks: readonly GuestDisk[]): Promise<void>
  /** Whether the guest's disks have room to grow where they lie. */
  hasRoom(id: string): Promise<boolean>
  facts(disk: GuestDisk): Promise<DiskFacts>
  /** A private folder for the files of a piece of work on disks; `removeExtracted` removes it. */
  workFolder(id: string): Promise<string>
  /** Makes an empty qcow2 file in the work's folder over what the disk stands on: for a copy of what it holds itself. */
  createDelta(disk: GuestDisk, id: string): Promise<{ path: string; format: 'qcow2' }>
  /** Copies a disk that no guest runs from into a file in the work's folder, which lasts until the next start at most. */
  extract(guest: GuestSpec, disk: GuestDisk, target: ExtractTarget): Promise<Extracted>
  /** The bytes of what was extracted. */
  readExtracted(extracted: Extracted): Readable
  /** The folder of that work, with all files. */
  removeExtracted(id: string): Promise<void>
  /** The ids of the work that has a folder. */
  work(): Promise<string[]>
  /** What guests have outside their folders. */
  holdings(): Promise<Holding[]>
  /** What new disks can be asked to be: all that take their room from where usual ones do. */
  imagesTypes(): Promise<string[]>
  /** The whole devices that guests of this host may have. */
  isolatedDisks(): Promise<IsolatedDisk[]>
}
