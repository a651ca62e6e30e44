// The hosts of this process, each with its network agent and its compute agent. They come up beside the API: what
// needs a host meanwhile waits for it, as it does when a host is away.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { HostProcess } from '@kilonova/compute/agent/host-process'
import type { ComputeAgent } from '@kilonova/compute/agent/protocol'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import { Closing } from './closing.ts'
import type { CloudConfig } from './config.ts'
import type { Libvirt } from './libvirt.ts'
import type { NetworkHost } from './network-hosts.ts'
import type { Parts } from './parts.ts'
import type { CloudIdentity, StateDirectory } from './state-directory.ts'

export interface HostsNeeds {
  state: StateDirectory
  config: CloudConfig
  driver: 'libvirt' | 'fake'
  fakeHosts: number
  memory: boolean
  identity: CloudIdentity
  parts: Parts
}

export class Hosts {
  readonly names: string[]
  /** Undefined with fake hosts, and until it was started. */
  libvirt: Libvirt | undefined
  /** Resolves when all have reported once, so that servers can be placed on them. */
  readonly reported: Promise<void>
  readonly #needs: HostsNeeds
  readonly #closing = new Closing()
  readonly #reported = Promise.withResolvers<void>()
  readonly #computes: { name: string; process: HostProcess }[] = []
  #starting: Promise<void> = Promise.resolve()
  #graceMs = 0

  constructor(needs: HostsNeeds) {
    this.#needs = needs
    this.names =
      needs.driver === 'fake'
        ? Array.from({ length: needs.fakeHosts }, (_, i) => `fake-${i + 1}`)
        : [needs.identity.host]
    this.reported = this.#reported.promise
    this.reported.catch((error) => log('cloud').error(`a host did not start: ${errorChain(error)}`))
  }

  start(): void {
    this.#starting = this.#startAll().catch((error) => this.#reported.reject(error))
  }

  async #startAll(): Promise<void> {
    const isFake = this.#needs.driver === 'fake'
    for (const name of this.names) {
      this.#computes.push({ name, process: await (isFake ? this.#startFake(name) : this.#startThis(name)) })
    }
    Promise.all(this.#computes.map(({ process }) => process.reported)).then(() => this.#reported.resolve())
  }

  async #startFake(host: string): Promise<HostProcess> {
    const { parts, state, config, memory } = this.#needs
    const { startFakeNetwork, startFakeHost } = await loadHosts()
    const network = await startFakeNetwork({ host, parts, state, config })
    this.#closing.add(`network of ${host}`, () => network.stop())
    const compute = await startFakeHost({ host, bus: parts.bus, config, state, image: parts.image.client }, !memory)
    this.#closing.add(`compute of ${host}`, () => compute.stop(this.#graceMs))
    return compute
  }

  async #startThis(host: string): Promise<HostProcess> {
    const { parts, config, state, identity } = this.#needs
    const { startLibvirt } = await import('./libvirt.ts')
    const { startBridgeNetwork, startLibvirtHost } = await loadHosts()
    const libvirt = await startLibvirt(state)
    this.libvirt = libvirt
    this.#closing.add('libvirt', () => libvirt.stop())
    const network = await startBridgeNetwork({ host, parts, state, config, cloudTag: identity.tag })
    this.#closing.add('network', () => this.#leave(network))
    const needs = { host, bus: parts.bus, config, state, libvirt, networkReady: network.ready }
    const compute = await startLibvirtHost({ ...needs, image: parts.image.client, cloudTag: identity.tag })
    this.#closing.add('compute', () => compute.stop(this.#graceMs))
    return compute
  }

  /** Guests keep their network when the cloud goes; where there are none, nothing stays on the host. */
  async #leave(network: NetworkHost): Promise<void> {
    if (this.#isEmpty) await network.agent.tearDown()
    await network.stop()
  }

  #isEmpty = false

  /** True when the host says that it has no guest, running or not. A host that does not answer is not empty. */
  async #hasNoGuests(): Promise<boolean> {
    const LIMIT_MS = 5000
    const agent = this.#needs.parts.bus.remote<ComputeAgent>(computeTopic(this.names[0]!))
    const guests = await agent.guests(null as never, { timeout: LIMIT_MS }).catch(() => undefined)
    return guests?.length === 0
  }

  health(): Record<string, { ok: boolean; why?: string }> {
    const refused = this.#computes.flatMap(({ name, process }) =>
      process.refused === undefined ? [] : [[`host ${name}`, { ok: false, why: process.refused }]],
    )
    return { ...this.#libvirtHealth(), ...Object.fromEntries(refused) }
  }

  #libvirtHealth(): Record<string, { ok: boolean; why?: string }> {
    if (this.#needs.driver === 'fake') return {}
    if (!this.libvirt) return { libvirt: { ok: false, why: 'it is being started' } }
    const { connected, why } = this.libvirt.host
    return { libvirt: connected ? { ok: true } : { ok: false, why: why.message } }
  }

  /** Calls under way on hosts get so many milliseconds. */
  async stop(graceMs = 0): Promise<void> {
    this.#graceMs = graceMs
    await this.#starting
    if (this.#needs.driver === 'libvirt') this.#isEmpty = await this.#hasNoGuests()
    await this.#closing.close()
  }
}

/** Drivers and plumbing are loaded when hosts start, so that the API answers before. */
async function loadHosts() {
  return { ...(await import('./compute-hosts.ts')), ...(await import('./network-hosts.ts')) }
}
