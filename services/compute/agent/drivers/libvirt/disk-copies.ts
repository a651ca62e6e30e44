// Copies of disks while their guests run, and guests that stand still for one. A note in the guest's folder tells what
// was begun, so that whoever comes next can end it.
import { readdir, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { systemClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { isUuid } from '@kilonova/base/ids'
import { log } from '@kilonova/base/log'
import { blockCopy } from '@kilonova/libvirt/constants'
import { isLibvirtError } from '@kilonova/libvirt/errors'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { blocks } from '@kilonova/libvirt/procedures/block'
import { domains } from '@kilonova/libvirt/procedures/domain'
import { guests as agents } from '@kilonova/libvirt/procedures/guest'
import { saving } from '@kilonova/libvirt/procedures/saving'
import { domainOf } from '@kilonova/libvirt/wire-types'
import { XMLParser } from 'fast-xml-parser'
import { fault } from '../../faults.ts'
import type { DiskCopies, DiskCopy } from '../../hypervisor.ts'
import type { InstancePaths } from '../../instance-paths.ts'
import { isOff, POWER } from '../../power-state.ts'
import { domainFault } from './domain-faults.ts'
import type { Guests } from './guests.ts'
import { element, encode } from './xml.ts'

const NOTE = 'disk-copy.json'
/** Milliseconds between looks at a copy. */
const LOOK_AGAIN = 200
/** Milliseconds. libvirt itself gives up on a hung monitor after 30 s. */
const PATIENCE = { timeout: 120_000 }
/** Milliseconds: all of a guest's memory is written, or read. */
const SAVING = { timeout: 1_800_000 }
/** Of a save and of the start after it: what ran runs, what was paused is paused. */
const AS_IT_WAS = 0
/** Shallow: only what the disk holds itself. Transient: also of a domain that is defined, for that is to stay so. */
const COPY = blockCopy.SHALLOW | blockCopy.REUSE_EXT | blockCopy.TRANSIENT_JOB

interface Note {
  /** Its file systems may be frozen. */
  frozen?: boolean
  /** Its memory is saved, or about to be. */
  held?: boolean
}

/** A `<disk>` of a running domain, as far as it is read here. */
interface LiveDisk {
  target: { dev: string }
  mirror?: { job?: string; ready?: string; source?: { file?: string } }
}

export class LibvirtDiskCopies implements DiskCopies {
  readonly #host: LibvirtHost
  readonly #guests: Guests
  readonly #paths: InstancePaths

  constructor(parts: { host: LibvirtHost; guests: Guests; paths: InstancePaths }) {
    this.#host = parts.host
    this.#guests = parts.guests
    this.#paths = parts.paths
  }

  copy(id: string, how: DiskCopy): Promise<void> {
    return this.#faults(id, async () => {
      await this.release(id)
      if (isOff(await this.#mustState(id))) throw fault('HypervisorFailed', { why: 'domain is not running' })
      how.signal.throwIfAborted()
      await this.#note(id, {})
      try {
        await this.#start(id, how)
        await this.#inStep(id, how)
        await this.#freeze(id, how.freeze)
        await this.#end(id, how.target)
      } finally {
        await this.release(id)
      }
    })
  }

  hold(id: string): Promise<void> {
    return this.#faults(id, async () => {
      if (isOff(await this.#mustState(id))) return
      await this.#note(id, { held: true })
      await this.#host.call(saving.managedSave, { dom: domainOf(id), flags: AS_IT_WAS }, SAVING)
    })
  }

  release(id: string): Promise<void> {
    return this.#faults(id, async () => {
      const note = await this.#noted(id)
      if (!note) return
      const state = await this.#guests.powerState(id)
      if (!isOff(state)) {
        await this.#endJobs(id)
        if (note.frozen) await this.#thaw(id)
      } else if (note.held && state !== POWER.NOSTATE) await this.#goOn(id)
      await rm(this.#path(id), { force: true })
    })
  }

  async begun(): Promise<string[]> {
    const found: string[] = []
    for (const id of (await readdir(this.#paths.root)).filter(isUuid)) if (await this.#noted(id)) found.push(id)
    return found
  }

  async #start(id: string, { target, to }: DiskCopy): Promise<void> {
    const driver = element('driver', { type: 'qcow2' })
    const destination = encode(element('disk', { type: 'file' }, driver, element('source', { file: to })))
    const job = { dom: domainOf(id), path: target, destination, params: [], flags: COPY }
    await this.#host.call(blocks.copy, job, PATIENCE)
  }

  /** Waits until the copy follows each write of the guest. */
  async #inStep(id: string, { target, progress, signal }: DiskCopy): Promise<void> {
    const job = { dom: domainOf(id), path: target, flags: 0 }
    for (;;) {
      signal.throwIfAborted()
      const { found, current, end } = await this.#host.call(blocks.getJobInfo, job, PATIENCE)
      if (!found)
        throw fault('HypervisorFailed', { why: `the copy of ${target} ended by itself; its file may have no room` })
      progress(end > 0n ? Number(current) / Number(end) : 0)
      if (current === end && (await this.#isReady(id, target))) return
      await systemClock.sleep(LOOK_AGAIN, signal)
    }
  }

  async #isReady(id: string, target: string): Promise<boolean> {
    return (await this.#copied(id)).some(({ target: { dev }, mirror }) => dev === target && mirror?.ready === 'yes')
  }

  async #freeze(id: string, freeze: DiskCopy['freeze']): Promise<void> {
    if (freeze === 'no') return
    try {
      // The agent of a paused guest cannot be asked, now or to undo it.
      if ((await this.#mustState(id)) === POWER.RUNNING) await this.#note(id, { frozen: true })
      await this.#host.call(agents.fsFreeze, { dom: domainOf(id), mountpoints: [], flags: 0 }, PATIENCE)
    } catch (error) {
      if (freeze === 'must') throw fault('QuiesceNotPossible', { id, why: errorChain(error) }, error)
      log('compute.libvirt').warn({ server_id: id }, `is copied without being quiesced: ${errorChain(error)}`)
    }
  }

  /** A guest whose agent is not there has nothing that it would hold still. */
  async #thaw(id: string): Promise<void> {
    try {
      await this.#host.call(agents.fsThaw, { dom: domainOf(id), mountpoints: [], flags: 0 }, PATIENCE)
    } catch (error) {
      if (!isLibvirtError(error, 'AGENT_UNRESPONSIVE', 'ARGUMENT_UNSUPPORTED')) throw error
      const why = 'its file systems may be frozen, and its agent does not answer'
      if (/state='connected'/.test(await this.#agentChannel(id))) throw fault('GuestBusy', { id, why }, error)
    }
  }

  async #agentChannel(id: string): Promise<string> {
    return /<target [^>]*org\.qemu\.guest_agent\.0[^>]*>/.exec(await this.#liveXml(id))?.[0] ?? ''
  }

  /** From now on the copy stays as it is. Throws when there is none any more. */
  #end(id: string, target: string): Promise<void> {
    return this.#host.call(blocks.jobAbort, { dom: domainOf(id), path: target, flags: 0 }, PATIENCE)
  }

  async #endJobs(id: string): Promise<void> {
    for (const { target } of await this.#copied(id)) {
      try {
        await this.#end(id, target.dev)
      } catch (error) {
        if (!isLibvirtError(error, 'INVALID_ARG', 'OPERATION_INVALID')) throw error // it has ended meanwhile
      }
    }
  }

  /** The disks that are being copied to where we copy. */
  async #copied(id: string): Promise<LiveDisk[]> {
    const { domain } = parser.parse(await this.#liveXml(id)) as { domain: { devices?: { disk?: LiveDisk[] } } }
    return (domain.devices?.disk ?? []).filter(({ mirror }) => {
      const file = mirror?.source?.file
      return mirror?.job === 'copy' && file !== undefined && dirname(dirname(file)) === this.#paths.snapshots
    })
  }

  async #goOn(id: string): Promise<void> {
    const dom = domainOf(id)
    if (!(await this.#host.call(saving.hasManagedSaveImage, { dom, flags: 0 }, PATIENCE))) return
    await this.#host.call(domains.create, { dom, flags: AS_IT_WAS }, SAVING)
  }

  #liveXml(id: string): Promise<string> {
    return this.#host.call(domains.getXmlDesc, { dom: domainOf(id), flags: 0 }, PATIENCE)
  }

  async #mustState(id: string) {
    const state = await this.#guests.powerState(id)
    if (state === POWER.NOSTATE) throw fault('GuestNotFound', { id })
    return state
  }

  #path(id: string): string {
    return this.#paths.file(id, NOTE)
  }

  #note(id: string, note: Note): Promise<void> {
    return writeAtomically(this.#path(id), JSON.stringify(note))
  }

  async #noted(id: string): Promise<Note | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), 'utf8')) as Note
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  async #faults<T>(id: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw domainFault(error, id)
    }
  }
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (name) => name === 'disk',
})
