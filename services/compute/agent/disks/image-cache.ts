// Images on a host: each fetched once, checked, made raw, and kept while a disk stands on it.
import { createWriteStream } from 'node:fs'
import { link, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { fault } from '../faults.ts'
import type { GuestImage } from '../guest-spec.ts'
import type { InstancePaths } from '../instance-paths.ts'
import type { BaseImage } from './disk-backend.ts'
import { convert } from './qemu-img.ts'
import { fileExists, makeWhole } from './whole-file.ts'

/** Where an image's bytes come from: a file that is left alone, or a stream that ends early by an error. */
export interface ImageSource {
  open(imageId: string): Promise<{ path: string } | { stream: Readable }>
}

/** Looks into an image file that nobody vouches for; throws when it is not what `diskFormat` says or is unsafe. */
export type InspectImage = (path: string, diskFormat: string) => Promise<unknown>

/** Glance's disk_format as qemu-img calls it. */
const QEMU_FORMAT: Record<string, string> = {
  raw: 'raw',
  iso: 'raw',
  ami: 'raw',
  aki: 'raw',
  ari: 'raw',
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
  ploop: 'parallels',
}

/** Glance's disk_formats that guests can be made from. */
export const imageFormats = Object.keys(QEMU_FORMAT)

export interface ImageCacheOptions {
  paths: InstancePaths
  source: ImageSource
  inspect: InspectImage
  clock?: Clock
}

export class ImageCache {
  #paths: InstancePaths
  #source: ImageSource
  #inspect: InspectImage
  #clock: Clock
  #fetching = new Map<string, Promise<BaseImage>>()

  constructor({ paths, source, inspect, clock = systemClock }: ImageCacheOptions) {
    this.#paths = paths
    this.#source = source
    this.#inspect = inspect
    this.#clock = clock
  }

  /** The cached image, fetched if need be; callers for one image share one fetch. */
  prepare(image: GuestImage): Promise<BaseImage> {
    const running = this.#fetching.get(image.id)
    if (running) return running
    const fetching = this.#prepare(image).finally(() => this.#fetching.delete(image.id))
    this.#fetching.set(image.id, fetching)
    return fetching
  }

  /** The cached image; one that is not there is written by `fetch`, raw, by somebody who had it checked. */
  obtain(imageId: string, fetch: (path: string) => Promise<void>): Promise<BaseImage> {
    const running = this.#fetching.get(imageId)
    if (running) return running
    const fetching = this.#obtain(imageId, fetch).finally(() => this.#fetching.delete(imageId))
    this.#fetching.set(imageId, fetching)
    return fetching
  }

  /** The cached image; it stays at least while `reference`, a link to it in a server's folder, exists. */
  async use(imageId: string, reference: string): Promise<BaseImage> {
    const path = this.#paths.baseImage(imageId)
    try {
      const { ino, size } = await stat(path)
      const linked = await stat(reference).catch(() => undefined)
      if (linked?.ino !== ino) {
        await rm(reference, { force: true }) // a server rebuilt from another image
        await link(path, reference)
      }
      return { path, size }
    } catch (error) {
      const gone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      throw gone ? fault('ImageNotCached', { image: imageId }, error) : error
    }
  }

  /** Removes images that no server uses and that nobody asked for within `maxAge` milliseconds. Answers their paths. */
  async removeUnused(maxAge: number): Promise<string[]> {
    const removed: string[] = []
    for (const name of await readdir(this.#paths.base).catch(() => [])) {
      const path = join(this.#paths.base, name)
      const { nlink, mtimeMs } = await stat(path)
      if (nlink > 1 || mtimeMs > this.#clock.now() - maxAge) continue
      await rm(path)
      removed.push(path)
    }
    return removed
  }

  #prepare(image: GuestImage): Promise<BaseImage> {
    return this.#cached(image.id, (path) => this.#fetch(image, path))
  }

  #obtain(imageId: string, fetch: (path: string) => Promise<void>): Promise<BaseImage> {
    return this.#cached(imageId, (path) => makeWhole(path, fetch, 0o644))
  }

  async #cached(imageId: string, make: (path: string) => Promise<void>): Promise<BaseImage> {
    const path = this.#paths.baseImage(imageId)
    await mkdir(this.#paths.base, { recursive: true, mode: 0o711 })
    if (!(await fileExists(path))) await make(path)
    const now = this.#clock.now() / 1000
    await utimes(path, now, now) // asked for just now: removeUnused leaves it to the createDisks that follows
    return { path, size: (await stat(path)).size }
  }

  async #fetch(image: GuestImage, path: string): Promise<void> {
    const format = QEMU_FORMAT[image.diskFormat]
    if (!format) throw fault('ImageUnacceptable', { image: image.id, why: `disk_format ${image.diskFormat}` })
    const opened = await this.#source.open(image.id)
    if ('path' in opened) {
      await this.#check(image, opened.path)
      return this.#convert(format, opened.path, path)
    }
    const download = `${path}.download.part`
    try {
      await pipeline(opened.stream, createWriteStream(download, { mode: 0o600 }))
      await this.#check(image, download)
      if (format === 'raw') await makeWhole(path, (temporary) => rename(download, temporary), 0o644)
      else await this.#convert(format, download, path)
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'ENOSPC'
      throw full ? fault('HostOutOfRoom', { path }, error) : error
    } finally {
      await rm(download, { force: true })
    }
  }

  async #convert(fromFormat: string, from: string, path: string): Promise<void> {
    await makeWhole(path, (temporary) => convert({ from, fromFormat, to: temporary, toFormat: 'raw' }), 0o644)
  }

  async #check(image: GuestImage, path: string): Promise<void> {
    try {
      await this.#inspect(path, image.diskFormat)
    } catch (error) {
      if (isFault(error, 'ImageUnacceptable')) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw fault('ImageUnacceptable', { image: image.id, why }, error)
    }
  }
}
