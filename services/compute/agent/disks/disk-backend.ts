// Where a guest's disks live: one implementation for each images_type, and one for whole devices.
import type { GuestDisk } from '../guest-spec.ts'

/** A cached base image: a raw file that nobody writes to. */
export interface BaseImage {
  path: string
  /** Bytes. */
  size: number
}

/** Where a disk lies and as what; recorded with it. */
export type DiskPlace = Pick<GuestDisk, 'backend' | 'source' | 'format'>

/** What a disk really is. */
export interface DiskFacts {
  path: string
  format: GuestDisk['format']
  /** The raw file that it stands on; null for a disk that stands alone. */
  backingFile: string | null
  /** Bytes that the guest sees. */
  virtualSize: number
}

/** Bytes. */
export interface PoolSpace {
  total: number
  used: number
}

/** Something outside the guests' folders that a guest has, for the audit. */
export interface Holding {
  kind: 'logical-volume' | 'mount' | 'isolated-disk'
  id: string
  guest: string
}

/** Every call may be repeated; what exists is left as it is. Disks appear whole or not at all. */
export interface DiskBackend {
  /** Recorded with each disk: from then on the record decides, not the option. */
  readonly name: string
  /** What its disks share their room with. */
  readonly pool: 'files' | 'volume-group' | 'devices'
  /** Mends what a crash or a restart of the host left. To be called before any other call. */
  open(): Promise<void>
  /** Where the disk of that name of a guest lies; nothing is made. */
  place(guest: string, name: string): DiskPlace
  /** Makes ready what these disks of a guest will lie on. Absent where that takes nothing. */
  prepare?(guest: string, disks: readonly GuestDisk[]): Promise<void>
  /** Makes the disk with the base's content, `disk.size` bytes large, or as large as the base. */
  createFrom(disk: GuestDisk, base: BaseImage): Promise<void>
  /** Makes an empty disk; `format` puts a file system on the raw bytes before they are seen. */
  createBlank(disk: GuestDisk, format?: (path: string) => Promise<void>): Promise<void>
  exists(disk: GuestDisk): Promise<boolean>
  /** Makes the disk of a guest that is off at least `size` bytes large. Its content stays. */
  grow(disk: GuestDisk, size: number): Promise<void>
  facts(disk: GuestDisk): Promise<DiskFacts>
  /** Bytes by which the disk may still grow into its pool. */
  mayGrow(disk: GuestDisk): Promise<number>
  remove(disk: DiskPlace): Promise<void>
  /** Whatever lies outside the guest's folder goes, recorded or not. */
  removeGuest(guest: string): Promise<void>
  space(): Promise<PoolSpace>
  /** What guests have outside their folders. Absent where that is nothing. */
  holdings?(): Promise<Holding[]>
}
