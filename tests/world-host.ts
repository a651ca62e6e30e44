// A fake host of a world: what stays when its processes end, and the processes, which can be ended and started.
import { join } from 'node:path'
import type { VirtualClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import { computeAgent } from '@kilonova/compute/agent/agent'
import { FakeHypervisor } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeStorage } from '@kilonova/compute/agent/drivers/fake/fake-storage'
import { Weather } from '@kilonova/compute/agent/drivers/fake/weather'
import type { HostProcess } from '@kilonova/compute/agent/host-process'
import { startHostProcess } from '@kilonova/compute/agent/host-process'
import { FakeBackend, FakeHost } from '@kilonova/network/agent/fake'
import type { HostMethods, PlugMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'
import type { NetworkHost } from '@kilonova/network/host/process'
import { startNetworkHost } from '@kilonova/network/host/process'

export interface HostSize {
  name: string
  vcpus: number
  memoryMb: number
  /** Milliseconds that each call to the host takes; default none. */
  latency?: number
  /** Milliseconds that a guest takes to obey its power button; null: it never does. Default none. */
  shutdownTime?: number | null
}

interface Seconds {
  report_interval: number
}

export interface HostParts {
  bus: Bus
  clock: VirtualClock
  directory: string
  options: {
    compute: Seconds & { update_resources_interval: number }
    network: Seconds & { reconcile_interval: number }
  }
}

export class WorldHost {
  readonly name: string
  readonly nodeId = systemRandom.uuid()
  /** Of the hypervisor, the storage and the network: what may fail or take time. */
  readonly weather: Weather
  readonly hypervisor: FakeHypervisor
  readonly storage: FakeStorage
  /** What the network agent has made on the host. */
  readonly things = new FakeHost()
  readonly #parts: HostParts
  #network: NetworkHost | undefined
  #compute: HostProcess | undefined

  constructor(parts: HostParts, { name, vcpus, memoryMb, latency = 0, shutdownTime = 0 }: HostSize) {
    const { clock } = parts
    this.#parts = parts
    this.name = name
    this.weather = new Weather({ clock, latency })
    this.hypervisor = new FakeHypervisor({ name, vcpus, memoryMb, shutdownTime, weather: this.weather })
    this.storage = new FakeStorage({ weather: this.weather })
  }

  /** Resolves when both agents serve and have reported. */
  async start(): Promise<void> {
    const { bus, clock, options } = this.#parts
    const host = this.name
    const directory = join(this.#parts.directory, host)
    const before = (operation: string): Promise<void> => this.weather.call(operation, () => undefined)
    const backend = new FakeBackend({ directory, host: this.things, before })
    this.#network = await startNetworkHost({ host, bus, clock, directory, backend, options: options.network })
    await this.#network.ready
    const agent = computeAgent({
      ...{ hypervisor: this.hypervisor, storage: this.storage, nodeUuid: this.nodeId, clock },
      ...{ vifs: this.#plugger(), dhcpDomain: '', vendorData: async () => ({ static: {}, dynamic: {} }) },
    })
    this.#compute = await startHostProcess({ host, bus, clock, agent, options: options.compute })
    await this.#compute.reported
  }

  async stop(): Promise<void> {
    await this.#compute?.stop()
    await this.#network?.stop()
  }

  /** Resolves when it has done what network told it until now. */
  async quiet(): Promise<void> {
    await this.#parts.bus.remote<HostMethods>(networkTopic(this.name)).apply({ changes: [] })
  }

  /** Guests, files, devices and reservations, one line each. */
  async contents(): Promise<string[]> {
    const lines = (await this.hypervisor.guests()).map((guest) => `guest ${JSON.stringify(guest)}`)
    lines.push(...(await this.storage.guests()).map((id) => `files ${id}`), ...this.things.things.keys())
    for (const [id, ports] of this.things.reservations)
      lines.push(...[...ports].map((port) => `reserves ${id} ${port}`))
    return lines.toSorted()
  }

  #plugger() {
    const agent = this.#parts.bus.remote<PlugMethods>(networkTopic(this.name))
    return {
      plug: async ({ portId }: { portId: string }) => void (await agent.plug({ portId })),
      unplug: async ({ portId }: { portId: string }) => void (await agent.unplug({ portId })),
    }
  }
}
