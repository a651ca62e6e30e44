// A fake host of a world: what stays when its processes end, and the processes, which can be ended and started.
import { join } from 'node:path'
import type { VirtualClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Bus, Methods, Remote, Served } from '@kilonova/bus/bus'
import { hostImageCache } from '@kilonova/cloud/host-image-cache'
import { computeAgent } from '@kilonova/compute/agent/agent'
import type { GuestStorage } from '@kilonova/compute/agent/disks/guest-storage'
import { LocalStorage } from '@kilonova/compute/agent/disks/local-storage'
import { FakeHypervisor } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeStorage, fakeDevices } from '@kilonova/compute/agent/drivers/fake/fake-storage'
import { Weather } from '@kilonova/compute/agent/drivers/fake/weather'
import type { HostOptions, ImageCacheOptions } from '@kilonova/compute/agent/host-options'
import type { HostProcess } from '@kilonova/compute/agent/host-process'
import { startHostProcess } from '@kilonova/compute/agent/host-process'
import { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import type { HostBoot } from '@kilonova/compute/agent/node-identity'
import type { ImageClient } from '@kilonova/image/client'
import { FakeBackend, FakeHost } from '@kilonova/network/agent/fake'
import type { HostMethods, PlugMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'
import type { NetworkHost } from '@kilonova/network/host/process'
import { startNetworkHost } from '@kilonova/network/host/process'

/** Its clock runs fast while it waits for real files. */
const PATIENCE = { timeout: 3_600_000 }

export interface HostSize {
  name: string
  vcpus: number
  memoryMb: number
  /** Milliseconds that each call to the host takes; default none. */
  latency?: number
  /** Milliseconds that a guest takes to obey its power button; null: it never does. Default none. */
  shutdownTime?: number | null
  /** Milliseconds that a copy of a running guest's disk takes. Default none. */
  copyTime?: number
  /** Its disks are files, made as on a real host; otherwise they hold no bytes. */
  localDisks?: boolean
  /** As the option of fake hosts. */
  isolatedDisks?: readonly string[]
}

export interface HostParts {
  bus: Bus
  clock: VirtualClock
  directory: string
  image: ImageClient
  options: {
    compute: HostOptions
    imageCache: ImageCacheOptions
    network: { report_interval: number; reconcile_interval: number }
  }
}

/** A bus on which reports of ports may be lost, or all that the host says and hears. */
function lossy(bus: Bus, host: Pick<WorldHost, 'losesPortReports' | 'isCutOff'>): Bus {
  const remote: Bus['remote'] = <M extends Methods>(topic: string): Remote<M> => {
    const [caller, nobody] = [bus.remote<M>(topic), bus.remote<M>('nobody')]
    const get = (_: Remote<M>, name: string) => {
      if (name === 'portReport' && host.losesPortReports) return async () => null
      return (host.isCutOff ? nobody : caller)[name as keyof Remote<M>]
    }
    return new Proxy(caller, { get } as ProxyHandler<Remote<M>>)
  }
  const serve: Bus['serve'] = <M extends Methods>(topic: string, methods: Served<M>) => {
    const nobody = bus.remote<M>('nobody')
    const get = (own: Served<M>, name: string) => (host.isCutOff ? nobody : own)[name as keyof Remote<M>]
    return bus.serve<M>(topic, new Proxy(methods, { get } as ProxyHandler<Served<M>>))
  }
  const own = { remote, serve }
  return new Proxy(bus, {
    get: (target, name: keyof Bus) => (name in own ? own[name as keyof typeof own] : target[name].bind(target)),
  })
}

function localStorage(paths: InstancePaths, image: ImageClient): LocalStorage {
  return new LocalStorage({ paths, images: hostImageCache(paths, image), imagesType: 'raw' })
}

export class WorldHost {
  readonly name: string
  readonly nodeId = systemRandom.uuid()
  /** Of the hypervisor, the storage and the network: what may fail or take time. */
  readonly weather: Weather
  readonly hypervisor: FakeHypervisor
  readonly storage: FakeStorage
  /** Where its disks are files. */
  readonly paths: InstancePaths
  /** Whether what the host tells network of its ports is lost on the way. */
  losesPortReports = false
  /** Its processes run, and nobody hears them or is heard by them. */
  isCutOff = false
  /** What the network agent has made on the host. */
  readonly things = new FakeHost()
  readonly #parts: HostParts
  #boots = 0
  #keptBoot: number | undefined
  readonly #boot: HostBoot = {
    isNew: async () => this.#keptBoot !== undefined && this.#keptBoot !== this.#boots,
    keep: async () => {
      this.#keptBoot = this.#boots
    },
  }
  /** In place of `storage`. */
  readonly #local: LocalStorage | undefined
  #network: NetworkHost | undefined
  #compute: HostProcess | undefined

  constructor(
    parts: HostParts,
    { name, vcpus, memoryMb, latency = 0, shutdownTime = 0, copyTime = 0, ...has }: HostSize,
  ) {
    const { localDisks = false, isolatedDisks = [] } = has
    const { clock } = parts
    this.#parts = parts
    this.name = name
    this.weather = new Weather({ clock, latency })
    this.hypervisor = new FakeHypervisor({ name, vcpus, memoryMb, shutdownTime, copyTime, weather: this.weather })
    this.storage = new FakeStorage({ weather: this.weather, isolated: fakeDevices(isolatedDisks) })
    this.paths = new InstancePaths(join(parts.directory, name, 'instances'))
    if (localDisks) this.#local = localStorage(this.paths, parts.image)
  }

  /** Resolves when both agents serve and have reported, and guests of deleted servers are gone. */
  async start(): Promise<void> {
    const { bus: whole, clock, options, image } = this.#parts
    const bus = lossy(whole, this)
    const host = this.name
    const directory = join(this.#parts.directory, host)
    const before = (operation: string): Promise<void> => this.weather.call(operation, () => undefined)
    const backend = new FakeBackend({ directory, host: this.things, before })
    this.#network = await startNetworkHost({ host, bus, clock, directory, backend, options: options.network })
    await this.#network.ready
    await this.#local?.open()
    const agent = computeAgent({
      ...{ hypervisor: this.hypervisor, storage: this.#disks, nodeUuid: this.nodeId, clock },
      snapshots: { image, most: 5, alwaysHolds: false },
      ...{ vifs: this.#plugger(), dhcpDomain: '', vendorData: async () => ({ static: {}, dynamic: {} }) },
    })
    this.#compute = await startHostProcess({
      ...{ host, bus, clock, agent, nodeUuid: this.nodeId, boot: this.#boot },
      ...{ options: options.compute, imageCache: options.imageCache },
    })
    await this.#compute.reported
    await this.#compute.runNow('cleanup_running_deleted_instances')
  }

  /** Periodic work of the compute agent, out of its turn. */
  async runNow(name: string): Promise<void> {
    await this.#compute!.runNow(name)
  }

  async stop(): Promise<void> {
    await this.#compute?.stop()
    await this.#network?.stop()
  }

  /** The machine boots: its agents end and start again, and neither guests nor taps were there meanwhile. */
  async boot(): Promise<void> {
    await this.stop()
    this.hypervisor.boot()
    this.things.things.clear()
    this.#boots += 1
    await this.start()
  }

  /** Resolves when it has done what network told it until now. */
  async quiet(): Promise<void> {
    await this.#parts.bus.remote<HostMethods>(networkTopic(this.name)).apply({ changes: [] }, PATIENCE)
  }

  /** Guests, files, devices and reservations, one line each. */
  async contents(): Promise<string[]> {
    const lines = (await this.hypervisor.guests()).map((guest) => `guest ${JSON.stringify(guest)}`)
    lines.push(...(await this.#disks.guests()).map((id) => `files ${id}`), ...this.things.things.keys())
    for (const [id, ports] of this.things.reservations)
      lines.push(...[...ports].map((port) => `reserves ${id} ${port}`))
    return lines.toSorted()
  }

  get #disks(): GuestStorage {
    return this.#local ?? this.storage
  }

  #plugger() {
    const agent = this.#parts.bus.remote<PlugMethods>(networkTopic(this.name))
    return {
      plug: async ({ portId }: { portId: string }) => void (await agent.plug({ portId })),
      unplug: async ({ portId }: { portId: string }) => void (await agent.unplug({ portId })),
    }
  }
}
