// The life of this cloud's domains: find, define, start, stop, destroy. Foreign domains are never touched.

import { diskError, domainState, pausedReason, saveDomain, startDomain } from '@kilonova/libvirt/constants'
import { isLibvirtError } from '@kilonova/libvirt/errors'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { blocks } from '@kilonova/libvirt/procedures/block'
import { connect } from '@kilonova/libvirt/procedures/connect'
import { domains } from '@kilonova/libvirt/procedures/domain'
import { guests } from '@kilonova/libvirt/procedures/guest'
import { saving } from '@kilonova/libvirt/procedures/saving'
import { type Domain, domainOf } from '@kilonova/libvirt/wire-types'
import { XMLParser } from 'fast-xml-parser'
import { fault } from '../../faults.ts'
import type { GuestState, StalledGuest } from '../../hypervisor.ts'
import { POWER, type PowerState } from '../../power-state.ts'
import { domainFault } from './domain-faults.ts'
import { CLOUD_NAMESPACE } from './instance-metadata-xml.ts'
import { hasProcess, powerStateOf } from './power-states.ts'

/** Milliseconds: all of a guest's memory is written, or read. */
const SAVING = { timeout: 1_800_000 }
/** Managed save, snapshots' and checkpoints' metadata, NVRAM. */
const UNDEFINE_ALL = 1 | 2 | 16 | 4
const METADATA_ELEMENT = 2
/** Of listAllDomains: those that are paused. */
const PAUSED_ONES = 32
/** The most that one call tells of. */
const MOST_DISKS = 256
/** Milliseconds. libvirt itself gives up on a hung monitor after 30 s. */
const PATIENCE = { timeout: 120_000 }

export class Guests {
  #host: LibvirtHost
  #cloudTag: string
  #ours = new Map<string, boolean>()

  constructor(host: LibvirtHost, cloudTag: string) {
    this.#host = host
    this.#cloudTag = cloudTag
    host.on('disconnected', () => this.#ours.clear())
  }

  async list(): Promise<GuestState[]> {
    return this.#faults('', async () => {
      const { domains: all } = await this.#host.call(connect.listAllDomains, { flags: 0 })
      const states = await Promise.all(all.map((domain) => this.#stateOf(domain)))
      return states.filter((state) => state !== undefined)
    })
  }

  async stalled(): Promise<StalledGuest[]> {
    return this.#faults('', async () => {
      const { domains: paused } = await this.#host.call(connect.listAllDomains, { flags: PAUSED_ONES })
      const found = await Promise.all(paused.map(({ uuid }) => this.#stalledDisk(uuid)))
      return found.filter((guest) => guest !== undefined)
    })
  }

  powerState(id: string): Promise<PowerState> {
    return this.#faults(id, async () => {
      const state = await this.#state(id)
      return state === undefined ? POWER.NOSTATE : powerStateOf(state)
    })
  }

  define(id: string, name: string, xml: string): Promise<void> {
    return this.#faults(id, async () => {
      if ((await this.isOurs(id)) === false) throw fault('GuestNotOurs', { name })
      try {
        await this.#host.call(domains.defineXml, { xml, flags: 0 }, PATIENCE)
      } catch (error) {
        if (await this.#isNameTaken(name, id)) throw fault('GuestNotOurs', { name }, error)
        throw error
      }
      this.#ours.set(id, true)
    })
  }

  start(id: string, paused: boolean): Promise<void> {
    return this.#faults(id, async () => {
      const state = await this.#mustState(id)
      if (powerStateOf(state) === POWER.SHUTDOWN && hasProcess(state)) await this.#destroy(id)
      else if (hasProcess(state)) return
      await this.#create(id, startDomain.FORCE_BOOT | (paused ? startDomain.PAUSED : 0), PATIENCE)
    })
  }

  managedSave(id: string): Promise<void> {
    return this.#faults(id, async () => {
      const isSaved = async (): Promise<boolean> =>
        !hasProcess(await this.#mustState(id)) &&
        (await this.#host.call(saving.hasManagedSaveImage, { dom: domainOf(id), flags: 0 }, PATIENCE))
      if (await isSaved()) return
      try {
        await this.#host.call(saving.managedSave, { dom: domainOf(id), flags: saveDomain.RUNNING }, SAVING)
      } catch (error) {
        if (!isLibvirtError(error, 'OPERATION_INVALID') || !(await isSaved())) throw error
      }
    })
  }

  restore(id: string): Promise<void> {
    return this.#faults(id, async () => {
      if (!hasProcess(await this.#mustState(id))) await this.#create(id, 0, SAVING)
      if (powerStateOf(await this.#mustState(id)) === POWER.RUNNING) return
      await this.#host.call(domains.resume, { dom: domainOf(id) }, PATIENCE)
    })
  }

  suspend(id: string): Promise<void> {
    return this.#faults(id, async () => {
      if (powerStateOf(await this.#mustState(id)) === POWER.PAUSED) return
      await this.#host.call(domains.suspend, { dom: domainOf(id) }, PATIENCE)
    })
  }

  resume(id: string): Promise<void> {
    return this.#faults(id, async () => {
      if (powerStateOf(await this.#mustState(id)) === POWER.RUNNING) return
      await this.#host.call(domains.resume, { dom: domainOf(id) }, PATIENCE)
    })
  }

  setPassword(id: string, user: string, password: string): Promise<void> {
    return this.#faults(id, async () => {
      await this.#mustState(id)
      await this.#host.call(guests.setUserPassword, { dom: domainOf(id), user, password, flags: 0 }, PATIENCE)
    })
  }

  injectNmi(id: string): Promise<void> {
    return this.#faults(id, async () => {
      await this.#mustState(id)
      await this.#host.call(guests.injectNmi, { dom: domainOf(id), flags: 0 }, PATIENCE)
    })
  }

  stop(id: string, how: 'acpi' | 'force'): Promise<void> {
    return this.#faults(id, async () => {
      const state = await this.#state(id)
      if (state === undefined || !hasProcess(state)) return
      if (how === 'force') return this.#destroy(id)
      await this.#unlessOff(this.#host.call(domains.shutdown, { dom: domainOf(id), flags: 0 }, PATIENCE))
    })
  }

  destroy(id: string): Promise<void> {
    return this.#faults(id, async () => {
      const state = await this.#state(id)
      if (state === undefined) return
      if (hasProcess(state)) await this.#destroy(id)
      try {
        await this.#host.call(domains.undefine, { dom: domainOf(id), flags: UNDEFINE_ALL }, PATIENCE)
      } catch (error) {
        if (!isLibvirtError(error, 'NO_DOMAIN')) throw error
      }
      this.#ours.delete(id)
    })
  }

  /** Whether it runs or is paused. */
  isOn(id: string): Promise<boolean> {
    return this.#faults(id, async () => hasProcess(await this.#mustState(id)))
  }

  /** The domain as it runs. */
  liveXml(id: string): Promise<string> {
    return this.#faults(id, () => this.#host.call(domains.getXmlDesc, { dom: domainOf(id), flags: 0 }, PATIENCE))
  }

  /** The definition that the next start uses. */
  xml(id: string): Promise<string> {
    const INACTIVE = 2
    return this.#faults(id, () => this.#host.call(domains.getXmlDesc, { dom: domainOf(id), flags: INACTIVE }, PATIENCE))
  }

  /** The same of a guest that must run. */
  runningXml(id: string): Promise<string> {
    return this.#faults(id, async () => {
      const state = await this.#mustState(id)
      if (!hasProcess(state)) throw fault('GuestOff', { id, powerState: powerStateOf(state) })
      return this.liveXml(id)
    })
  }

  /** Whether the domain carries our cloud's tag; undefined when there is none of that uuid. */
  async isOurs(id: string): Promise<boolean | undefined> {
    const known = this.#ours.get(id)
    if (known !== undefined) return known
    const ours = await this.#readTag(id)
    if (ours !== undefined) this.#ours.set(id, ours)
    return ours
  }

  /** To be told when a domain ceased to be defined. */
  forget(id: string): void {
    this.#ours.delete(id)
  }

  async #readTag(id: string): Promise<boolean | undefined> {
    const query = { dom: domainOf(id), type: METADATA_ELEMENT, uri: CLOUD_NAMESPACE, flags: 0 }
    try {
      return cloudOf(await this.#host.call(domains.getMetadata, query, PATIENCE)) === this.#cloudTag
    } catch (error) {
      if (isLibvirtError(error, 'NO_DOMAIN')) return undefined
      if (isLibvirtError(error, 'NO_DOMAIN_METADATA')) return false
      throw error
    }
  }

  async #isNameTaken(name: string, id: string): Promise<boolean> {
    try {
      return (await this.#host.call(domains.lookupByName, name)).uuid !== id
    } catch {
      return false
    }
  }

  async #stateOf({ uuid, name }: Domain): Promise<GuestState | undefined> {
    const state = await this.#state(uuid)
    return state === undefined ? undefined : { id: uuid, name, powerState: powerStateOf(state) }
  }

  /** virDomainState of a domain of ours; undefined when there is none. */
  async #state(id: string): Promise<number | undefined> {
    if (!(await this.isOurs(id))) return undefined
    try {
      return (await this.#host.call(domains.getState, { dom: domainOf(id), flags: 0 }, PATIENCE)).state
    } catch (error) {
      if (!isLibvirtError(error, 'NO_DOMAIN')) throw error
      this.#ours.delete(id)
      return undefined
    }
  }

  async #mustState(id: string): Promise<number> {
    const state = await this.#state(id)
    if (state === undefined) throw fault('GuestNotFound', { id })
    return state
  }

  async #stalledDisk(id: string): Promise<StalledGuest | undefined> {
    const dom = domainOf(id)
    try {
      if (!(await this.isOurs(id))) return undefined
      const { state, reason } = await this.#host.call(domains.getState, { dom, flags: 0 }, PATIENCE)
      if (state !== domainState.PAUSED || reason !== pausedReason.IOERROR) return undefined
      const { errors } = await this.#host.call(blocks.getErrors, { dom, maxErrors: MOST_DISKS, flags: 0 }, PATIENCE)
      const full = errors.find(({ error }) => error === diskError.NO_SPACE)
      return full && { id, disk: full.disk }
    } catch (error) {
      if (isLibvirtError(error, 'NO_DOMAIN', 'OPERATION_INVALID')) return undefined // it went off meanwhile
      throw error
    }
  }

  /** Lets pass that it was started meanwhile. */
  async #create(id: string, flags: number, patience: { timeout: number }): Promise<void> {
    try {
      await this.#host.call(domains.create, { dom: domainOf(id), flags }, patience)
    } catch (error) {
      if (!isLibvirtError(error, 'OPERATION_INVALID') || !hasProcess(await this.#mustState(id))) throw error
    }
  }

  async #destroy(id: string): Promise<void> {
    await this.#unlessOff(this.#host.call(domains.destroy, { dom: domainOf(id), flags: 0 }, PATIENCE))
  }

  /** Lets pass that the guest went off, or away, by itself meanwhile. */
  async #unlessOff(call: Promise<unknown>): Promise<void> {
    try {
      await call
    } catch (error) {
      if (!isLibvirtError(error, 'OPERATION_INVALID', 'NO_DOMAIN')) throw error
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

const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', removeNSPrefix: true })

/** The cloud named in our metadata element. */
function cloudOf(xml: string): string | undefined {
  const { guest } = parser.parse(xml) as { guest?: { cloud?: string } }
  return guest?.cloud
}
