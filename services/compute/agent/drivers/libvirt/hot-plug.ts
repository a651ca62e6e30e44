// Interfaces of a guest that runs: plugged at once, unplugged when the system inside lets go.
import type { Clock } from '@kilonova/base/clock'
import { isLibvirtError } from '@kilonova/libvirt/errors'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { resources } from '@kilonova/libvirt/procedures/resource'
import { domainOf } from '@kilonova/libvirt/wire-types'
import { fault } from '../../faults.ts'
import type { GuestSpec, GuestVif } from '../../guest-spec.ts'
import { domainFault } from './domain-faults.ts'
import { interfaceXml } from './domain-xml.ts'
import { hasInterface } from './guest-devices.ts'

/** The domain as it runs, not as its next start will make it. */
const LIVE = 1
const PATIENCE = { timeout: 120_000 }
/** A guest that boots hears no request: it is asked again. */
const ASKED_AT_MOST = 8
const LOOKS_EACH = 40
const LOOK_AGAIN = 500

export class HotPlug {
  readonly #host: LibvirtHost
  readonly #clock: Clock
  /** Of a guest that runs or is paused. */
  readonly #liveXml: (id: string) => Promise<string>

  constructor(host: LibvirtHost, clock: Clock, liveXml: (id: string) => Promise<string>) {
    this.#host = host
    this.#clock = clock
    this.#liveXml = liveXml
  }

  async plug(guest: GuestSpec, vif: GuestVif): Promise<void> {
    const { id } = guest
    if (hasInterface(await this.#liveXml(id), vif.mac)) return
    try {
      await this.#host.call(resources.attachDevice, this.#request(guest, vif), PATIENCE)
    } catch (error) {
      throw domainFault(error, id)
    }
  }

  async unplug(guest: GuestSpec, vif: GuestVif): Promise<void> {
    const { id } = guest
    for (let asked = 0; asked < ASKED_AT_MOST; asked++) {
      if (!hasInterface(await this.#liveXml(id), vif.mac)) return
      await this.#ask(guest, vif)
      if (await this.#isGone(id, vif)) return
    }
    throw fault('GuestBusy', { id, why: `the system inside does not let go of the interface ${vif.mac}` })
  }

  /** One that was asked already, or has gone meanwhile, is no error. */
  async #ask(guest: GuestSpec, vif: GuestVif): Promise<void> {
    try {
      await this.#host.call(resources.detachDevice, this.#request(guest, vif), PATIENCE)
    } catch (error) {
      if (!isLibvirtError(error, 'OPERATION_FAILED', 'DEVICE_MISSING', 'INTERNAL_ERROR'))
        throw domainFault(error, guest.id)
    }
  }

  async #isGone(id: string, vif: GuestVif): Promise<boolean> {
    for (let look = 0; look < LOOKS_EACH; look++) {
      if (!hasInterface(await this.#liveXml(id), vif.mac)) return true
      await this.#clock.sleep(LOOK_AGAIN)
    }
    return false
  }

  #request(guest: GuestSpec, vif: GuestVif) {
    return { dom: domainOf(guest.id), xml: interfaceXml(vif, guest), flags: LIVE }
  }
}
