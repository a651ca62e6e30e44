// The hosts of this process, each with its network agent and its compute agent.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { HostProcess } from '@kilonova/compute/agent/host-process'
import { Closing } from './closing.ts'
import { startFakeHost, startLibvirtHost } from './compute-hosts.ts'
import type { CloudConfig } from './config.ts'
import type { Libvirt } from './libvirt.ts'
import { startLibvirt } from './libvirt.ts'
import type { NetworkHost } from './network-hosts.ts'
import { startBridgeNetwork, startFakeNetwork } from './network-hosts.ts'
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

export interface Hosts {
  readonly names: string[]
  /** Undefined with fake hosts. */
  readonly libvirt: Libvirt | undefined
  readonly networks: readonly NetworkHost[]
  /** Resolves when all have reported once, so that servers can be placed on them. */
  readonly reported: Promise<unknown>
  health(): Record<string, { ok: boolean; why?: string }>
  stop(): Promise<void>
}

export function startHosts(needs: HostsNeeds): Promise<Hosts> {
  return needs.driver === 'fake' ? startFakeHosts(needs) : startThisHost(needs)
}

async function startFakeHosts({ fakeHosts, memory, parts, config, state }: HostsNeeds): Promise<Hosts> {
  const closing = new Closing()
  const names = Array.from({ length: fakeHosts }, (_, i) => `fake-${i + 1}`)
  const computes: HostProcess[] = []
  const networks: NetworkHost[] = []
  for (const host of names) {
    const network = await startFakeNetwork({ host, parts, state, config })
    networks.push(network)
    closing.add(`network of ${host}`, () => network.stop())
    const compute = await startFakeHost({ host, bus: parts.bus, config, state }, !memory)
    computes.push(compute)
    closing.add(`compute of ${host}`, () => compute.stop())
  }
  const reported = Promise.all(computes.map((compute) => compute.reported))
  return { names, libvirt: undefined, networks, reported, health: () => ({}), stop: () => closing.close() }
}

async function startThisHost({ parts, config, state, identity }: HostsNeeds): Promise<Hosts> {
  const closing = new Closing()
  const { host, tag: cloudTag } = identity
  const network = await startBridgeNetwork({ host, parts, state, config, cloudTag })
  closing.add('network', () => network.stop())
  const libvirt = await startLibvirt(state)
  closing.add('libvirt', () => libvirt.stop())
  // Finding out how guests run takes seconds at the first start; the API answers meanwhile.
  const needs = { host, bus: parts.bus, config, state, libvirt: libvirt.host, image: parts.image.client, cloudTag }
  const compute = startLibvirtHost(needs)
  closing.add('compute', async () => (await compute.catch(() => undefined))?.stop())
  const reported = compute.then((started) => started.reported)
  reported.catch((error) => log('cloud').error(`the compute host did not start: ${errorChain(error)}`))
  const health = () => {
    const { connected, why } = libvirt.host
    return { libvirt: connected ? { ok: true } : { ok: false, why: why.message } }
  }
  return { names: [host], libvirt, networks: [network], reported, health, stop: () => closing.close() }
}
