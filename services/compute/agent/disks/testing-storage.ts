// For tests: a host's storage that a process of its own works on until it is killed, and what may be asked of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import { InstancePaths } from '../instance-paths.ts'
import { ImageCache, type ImageSource } from './image-cache.ts'
import { IsolatedDisks } from './isolated.ts'
import { LocalStorage } from './local-storage.ts'
import { LvmDisks } from './lvm.ts'
import { LvmQcow2Disks } from './lvm-qcow2.ts'
import { type VolumeGroupPlace, volumeGroupAt } from './testing.ts'

const CLEARING = { how: 'zero', mb: 1 } as const

/** What a process must be told to find the storage. */
export interface StoragePlace {
  root: string
  imagesType: string
  volumes?: VolumeGroupPlace
  device?: string
}

/** One call of the storage. */
export type Work =
  | { does: 'create'; guest: GuestSpec }
  | { does: 'copy'; guest: GuestSpec; planned: GuestDisk[] }
  | { does: 'remove'; guest: GuestSpec; disks: GuestDisk[] }
  | { does: 'extract'; guest: GuestSpec; id: string }
  | { does: 'delete'; guest: GuestSpec }

/** The work of a process, and at which of its deeds it dies. */
export interface Order {
  place: StoragePlace
  work: Work
  dies: {
    /** Counted from 0. */
    at: number
    /** Of the deeds that this pattern finds; absent: of all. */
    among?: string
    when: 'before' | 'begun'
  }
}

const NO_IMAGES: ImageSource = { open: () => Promise.reject(new Error('all images are cached')) }

/** The storage as a process finds it when it starts; `open` is still to be called. */
export function storageAt(place: StoragePlace, source: ImageSource = NO_IMAGES): LocalStorage {
  const { root, imagesType, volumes, device } = place
  const paths = new InstancePaths(root)
  const group = volumes && volumeGroupAt(volumes, 'test')
  return new LocalStorage({
    paths,
    images: new ImageCache({ paths, source, inspect: async () => undefined }),
    imagesType,
    backends: group ? [new LvmDisks(group, CLEARING), new LvmQcow2Disks(paths, group, CLEARING)] : [],
    ...(device
      ? { isolated: new IsolatedDisks({ devices: [device], directory: paths.isolated, clearing: CLEARING }) }
      : {}),
    snapshotFormat: 'qcow2',
  })
}

export async function perform(storage: LocalStorage, work: Work): Promise<unknown> {
  switch (work.does) {
    case 'create':
      return storage.createDisks(work.guest)
    case 'copy':
      return storage.copyDisks(work.guest, work.planned)
    case 'remove':
      return storage.removeDisks(work.guest.id, work.disks)
    case 'extract':
      return storage.extract(work.guest, work.guest.disks[0]!, { id: work.id })
    case 'delete':
      return storage.deleteFiles(work.guest.id)
  }
}

const WORKER = fileURLToPath(new URL('./testing-storage-worker.ts', import.meta.url))

/** Has a process do the work until it dies; answers its last deed, or undefined when it came to the end of its work. */
export async function workUntilDeath(order: Order, env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const args = ['--disable-warning=ExperimentalWarning', WORKER, JSON.stringify(order)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env })
  const said: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => said.push(part))
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  if (code === 0) return undefined
  if (signal !== 'SIGKILL') throw new Error(`the worker ended with ${code ?? signal}`)
  return Buffer.concat(said).toString().trim()
}
