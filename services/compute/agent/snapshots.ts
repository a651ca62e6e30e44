// Snapshots of guests: the root disk is copied into a file, and that is sent to an image. Both go on by themselves and
// are asked after; what nobody asks after any more is ended.
import { Transform } from 'node:stream'
import type { Clock, Timer } from '@kilonova/base/clock'
import { adminContext } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { ImageClient } from '@kilonova/image/client'
import type { Extracted, GuestStorage } from './disks/guest-storage.ts'
import { fault } from './faults.ts'
import type { GuestDisk, GuestSpec } from './guest-spec.ts'
import type { DiskCopies, Hypervisor } from './hypervisor.ts'
import { isOff } from './power-state.ts'
import type { ComputeAgent, SnapshotOfGuest, SnapshotProgress } from './protocol.ts'
import { Slots } from './slots.ts'

export interface SnapshotParts {
  hypervisor: Hypervisor
  storage: GuestStorage
  image: Pick<ImageClient, 'show' | 'upload'>
  clock: Clock
  /** max_concurrent_snapshots */
  most: number
  /** disable_libvirt_livesnapshot: guests that run are held while their disk is copied. */
  alwaysHolds: boolean
  plug: (guest: GuestSpec) => Promise<void>
  /** Runs work on the guest's domain after what was asked for it before. */
  inTurn: <T>(id: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
}

interface Job {
  imageId: string
  abort: AbortController
  doing: 'waiting' | 'copying' | 'uploading'
  /** From 0 to 1. */
  share: number
  copied?: Promise<Extracted> | undefined
  uploaded?: Promise<Extracted> | undefined
  idle?: Timer
}

/** Milliseconds that a question waits for the end before it is answered with how far it is. */
const ANSWERS_WITHIN = 2_000
/** Milliseconds without a question after which nobody wants the snapshot any more. */
const FORGOTTEN_AFTER = 900_000
/** Milliseconds until a guest that could not be brought back to what it was is tried again. */
const TRIES_AGAIN = 60_000
/** Milliseconds between looks at an image that another upload, of a process that died, still seems to fill. */
const LOOK_AGAIN = 5_000

type SnapshotCalls = Required<Pick<ComputeAgent, 'copySnapshot' | 'uploadSnapshot' | 'removeSnapshot'>>

/** The agent's calls that make snapshots. */
export function snapshotCalls(parts: SnapshotParts): SnapshotCalls {
  const snapshots = new Snapshots(parts)
  return {
    copySnapshot: (snapshot) => snapshots.copy(snapshot),
    uploadSnapshot: (snapshot) => snapshots.upload(snapshot),
    async removeSnapshot(snapshot): Promise<null> {
      await snapshots.remove(snapshot)
      return null
    },
  }
}

class Snapshots {
  readonly #parts: SnapshotParts
  readonly #slots: Slots
  readonly #jobs = new Map<string, Job>()
  /** Resolves when what the last process had begun is ended, as far as that was possible. */
  readonly #recovered: Promise<void>

  constructor(parts: SnapshotParts) {
    this.#parts = parts
    this.#slots = new Slots(parts.most)
    this.#recovered = this.#recover()
  }

  async copy(asked: SnapshotOfGuest): Promise<SnapshotProgress> {
    const job = await this.#job(asked)
    return this.#progress(job, this.#copied(job, asked.guest), () => {
      job.copied = undefined
    })
  }

  async upload(asked: SnapshotOfGuest): Promise<SnapshotProgress> {
    const job = await this.#job(asked)
    job.uploaded ??= this.#upload(job, asked.guest)
    return this.#progress(job, job.uploaded, () => {
      job.uploaded = undefined
      job.copied = undefined
    })
  }

  /** Ends it wherever it is: no copy, no file, and the guest as it was. */
  async remove({ guest, imageId }: SnapshotOfGuest): Promise<void> {
    const job = this.#jobs.get(guest.id)
    if (job?.imageId === imageId) await this.#end(guest.id, job)
    if (!this.#jobs.has(guest.id)) await this.#release(guest)
    await this.#parts.storage.removeExtracted(imageId)
  }

  async #recover(): Promise<void> {
    const { hypervisor, clock } = this.#parts
    const copies = hypervisor.diskCopies
    const again = (error: unknown): void => {
      log('compute.snapshots').warn(`a guest is not as it was before it was copied: ${errorChain(error)}`)
      clock.after(TRIES_AGAIN, () => void this.#recover())
    }
    try {
      const begun = (await copies?.begun()) ?? []
      for (const id of begun) if (!this.#jobs.has(id)) await copies!.release(id).catch(again)
    } catch (error) {
      again(error)
    }
  }

  async #job({ guest, imageId }: SnapshotOfGuest): Promise<Job> {
    const { clock } = this.#parts
    const { id } = guest
    const before = this.#jobs.get(id)
    if (before && before.imageId !== imageId) await this.remove({ guest, imageId: before.imageId })
    const job = this.#jobs.get(id) ?? { imageId, abort: new AbortController(), doing: 'waiting', share: 0 }
    this.#jobs.set(id, job)
    job.idle?.cancel()
    job.idle = clock.after(FORGOTTEN_AFTER, () => {
      this.remove({ guest, imageId }).catch((error) =>
        log('compute.snapshots').warn({ server_id: id, image_id: imageId }, `is not cleaned up: ${errorChain(error)}`),
      )
    })
    return job
  }

  async #end(id: string, job: Job): Promise<void> {
    this.#jobs.delete(id)
    job.idle?.cancel()
    job.abort.abort(fault('GuestBusy', { id, why: 'its snapshot was given up' }))
    await Promise.allSettled([job.copied, job.uploaded])
  }

  /** How far it is, or its end; after a failure the next question begins anew. */
  async #progress(job: Job, work: Promise<Extracted>, failed: () => void): Promise<SnapshotProgress> {
    const waiting = new AbortController()
    const patience = this.#parts.clock.sleep(ANSWERS_WITHIN, waiting.signal).catch(() => undefined)
    try {
      const extracted = await Promise.race([work, patience])
      const { doing, share } = job
      if (!extracted) return { done: false, doing, percent: Math.floor(share * 100) }
      return { done: true, format: extracted.format, size: extracted.size }
    } catch (error) {
      failed()
      throw error
    } finally {
      waiting.abort()
    }
  }

  #copied(job: Job, guest: GuestSpec): Promise<Extracted> {
    job.copied ??= this.#copy(job, guest)
    job.copied.catch(() => undefined) // who asks is told
    return job.copied
  }

  async #copy(job: Job, guest: GuestSpec): Promise<Extracted> {
    const { clock, inTurn } = this.#parts
    const about = { server_id: guest.id, image_id: job.imageId }
    const giveBack = await this.#slots.take(job.abort.signal)
    const since = clock.monotonic()
    log('compute.snapshots').info(about, 'Start executing commands')
    try {
      await this.#recovered
      job.doing = 'copying'
      return await inTurn(guest.id, (signal) => this.#extract(job, guest, AbortSignal.any([job.abort.signal, signal])))
    } finally {
      giveBack()
      const seconds = (clock.monotonic() - since) / 1000
      log('compute.snapshots').info({ ...about, seconds }, `End executing commands, after ${seconds.toFixed(3)} s`)
    }
  }

  /** What an earlier attempt left of the guest is ended first. */
  async #extract(job: Job, guest: GuestSpec, signal: AbortSignal): Promise<Extracted> {
    const { hypervisor } = this.#parts
    const disk = guest.disks.find(({ role }) => role === 'root')
    if (!disk) throw fault('GuestInvalid', { why: 'it has no disk of its own that could be copied' })
    const target = { id: job.imageId, signal }
    await this.#release(guest)
    const copies = hypervisor.diskCopies
    if (isOff(await hypervisor.powerState(guest.id))) return this.#parts.storage.extract(guest, disk, target)
    if (!copies) throw fault('GuestBusy', { id: guest.id, why: 'this host copies disks of guests that are off alone' })
    if (!this.#isCopiedLive(disk))
      return this.#held(guest, copies, () => this.#parts.storage.extract(guest, disk, target))
    return this.#live(job, { guest, disk, copies, signal })
  }

  /** By what is recorded of the disk, never by how its path looks. */
  #isCopiedLive({ source, device }: GuestDisk): boolean {
    return !this.#parts.alwaysHolds && source.kind === 'file' && device === 'disk'
  }

  async #held<T>({ id }: GuestSpec, copies: DiskCopies, work: () => Promise<T>): Promise<T> {
    try {
      await copies.hold(id)
      return await work()
    } finally {
      await copies.release(id)
    }
  }

  async #live(
    job: Job,
    { guest, disk, copies, signal }: { guest: GuestSpec; disk: GuestDisk; copies: DiskCopies; signal: AbortSignal },
  ): Promise<Extracted> {
    const { storage, hypervisor } = this.#parts
    const target = { id: job.imageId, signal }
    const delta = await storage.createDelta(disk, job.imageId)
    const progress = (share: number): void => {
      job.share = share
    }
    try {
      await copies.copy(guest.id, { target: disk.target, to: delta.path, freeze: freezeOf(guest), progress, signal })
    } catch (error) {
      // It went off meanwhile: its disk stands still.
      if (!signal.aborted && isOff(await hypervisor.powerState(guest.id))) return storage.extract(guest, disk, target)
      throw error
    }
    return storage.extract(guest, disk, { ...target, source: delta })
  }

  async #upload(job: Job, guest: GuestSpec): Promise<Extracted> {
    const { storage, image, clock } = this.#parts
    const { signal } = job.abort
    const extracted = await this.#copied(job, guest)
    Object.assign(job, { doing: 'uploading', share: 0 })
    const context = adminContext()
    for (;;) {
      signal.throwIfAborted()
      const { status } = await image.show(context, job.imageId)
      if (status === 'active') return extracted // the answer to the last question was lost
      const counted = countedBytes(extracted.size, (share) => Object.assign(job, { share }))
      const bytes = storage.readExtracted(extracted)
      bytes.on('error', (error) => counted.destroy(error))
      const stop = (): unknown => bytes.destroy(signal.reason)
      signal.addEventListener('abort', stop)
      try {
        await image.upload(context, job.imageId, bytes.pipe(counted))
        return extracted
      } catch (error) {
        if (isFault(error, 'ContentRefused'))
          throw fault('DiskLooksLikeImage', { id: guest.id, why: error.message }, error)
        if (!isFault(error, 'ImageStateConflict')) throw error
        await clock.sleep(LOOK_AGAIN, signal)
      } finally {
        signal.removeEventListener('abort', stop)
        bytes.destroy()
      }
    }
  }

  /** A guest that was held needs its ports to go on. */
  async #release(guest: GuestSpec): Promise<void> {
    const { hypervisor, plug } = this.#parts
    const copies = hypervisor.diskCopies
    if (!copies || !(await copies.begun()).includes(guest.id)) return
    await plug(guest)
    await copies.release(guest.id)
  }
}

/** hw_qemu_guest_agent says that it could be frozen, os_require_quiesce that it must. */
function freezeOf({ image }: GuestSpec): 'no' | 'try' | 'must' {
  const says = (name: string): boolean => /^(1|t|true|on|y|yes)$/i.test(image?.properties[name] ?? '')
  if (says('os_require_quiesce')) return 'must'
  return says('hw_qemu_guest_agent') ? 'try' : 'no'
}

function countedBytes(size: number, tell: (share: number) => void): Transform {
  let seen = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, next) {
      seen += chunk.length
      tell(size > 0 ? seen / size : 1)
      next(null, chunk)
    },
  })
}
