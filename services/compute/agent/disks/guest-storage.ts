// What the agent asks of the place where guests' disks live; the fake driver has one that holds no bytes.
import type { GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'

/** Bytes. */
export interface StorageSpace {
  total: number
  used: number
  /** What thin disks may still grow by. */
  promised: number
}

/** Every call may be repeated. */
export interface GuestStorage {
  prepareImage(image: GuestImage): Promise<{ size: number }>
  createDisks(guest: GuestSpec): Promise<GuestDisk[]>
  /** Writes the files, by their path in the drive, unless the drive is already there. */
  makeConfigDrive(guest: GuestSpec, files: () => Promise<Map<string, Uint8Array>>): Promise<void>
  deleteFiles(id: string): Promise<void>
  space(): Promise<StorageSpace>
  /** The ids of the guests that have files, and the names of what else lies beside them; cached images are left out. */
  guests(): Promise<string[]>
}
