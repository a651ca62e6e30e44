// Where a guest's disks live: one implementation for each images_type.
import type { GuestDisk } from '../guest-spec.ts'

/** A cached base image: a raw file that nobody writes to. */
export interface BaseImage {
  path: string
  /** Bytes. */
  size: number
}

/** Every call may be repeated; what exists is left as it is. Disks appear whole or not at all. */
export interface DiskBackend {
  /** The images_type; recorded with each disk. */
  readonly name: string
  /** Makes the disk with the base's content, `disk.size` bytes large (0: as the base). */
  createFrom(disk: GuestDisk, base: BaseImage): Promise<void>
  /** Makes an empty disk; `format` puts a file system on the raw bytes before they are seen. */
  createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void>
  exists(disk: GuestDisk): Promise<boolean>
  /** Bytes by which the disk may still grow. */
  mayGrow(disk: GuestDisk): Promise<number>
  remove(disk: GuestDisk): Promise<void>
}
