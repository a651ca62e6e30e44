// A hypervisor that keeps its guests in memory: for tests, simulations and `--driver fake`. Any number in one process.
import { EventEmitter, on } from 'node:events'
import { fault } from '../../faults.ts'
import type { GuestDevice, GuestSpec } from '../../guest-spec.ts'
import type { CpuInfo, GuestDiagnostics, GuestEvent, GuestState, Hypervisor } from '../../hypervisor.ts'
import { isOff, POWER, type PowerState } from '../../power-state.ts'
import { Journal } from './journal.ts'
import { Weather } from './weather.ts'

export interface FakeHypervisorOptions {
  /** hypervisor_hostname */
  name: string
  vcpus?: number
  memoryMb?: number
  /** Milliseconds that a guest takes to obey its power button; null: it never does. */
  shutdownTime?: number | null
  /** Where its guests survive the process; without it they do not. */
  file?: string | null
  weather?: Weather
}

interface FakeGuest {
  id: string
  name: string
  hostname: string
  vcpus: number
  memoryMb: number
  macs: string[]
  disks: number
  powerState: PowerState
  console: string
  /** Its memory is saved. */
  saved: boolean
}

/** What happens to a guest without the agent's doing. */
export type Incident = 'poweroff' | 'crash' | 'start' | 'pause' | 'unpause' | 'remove'

const CPU: CpuInfo = {
  arch: 'x86_64',
  model: 'fake',
  vendor: 'fake',
  topology: { cells: 1, sockets: 1, cores: 1, threads: 1 },
  features: [],
}

export class FakeHypervisor implements Hypervisor {
  readonly name = 'fake'
  readonly weather: Weather
  #host: Required<Pick<FakeHypervisorOptions, 'name' | 'vcpus' | 'memoryMb'>>
  #shutdownTime: number | null
  #guests: Journal<FakeGuest>
  #isConnected = true
  #emitter = new EventEmitter<{ event: [GuestEvent]; connected: [] }>().setMaxListeners(0)

  constructor(options: FakeHypervisorOptions) {
    const { name, vcpus = 64, memoryMb = 262_144, shutdownTime = 0, file = null, weather = new Weather() } = options
    this.weather = weather
    this.#host = { name, vcpus, memoryMb }
    this.#shutdownTime = shutdownTime
    this.#guests = new Journal(file)
  }

  inventory() {
    return this.weather.call('inventory', () => {
      const { name, vcpus, memoryMb } = this.#host
      const running = this.#guests.values().filter(({ powerState }) => !isOff(powerState))
      return {
        supportedInstances: [['x86_64', 'fake', 'hvm'] as [string, string, string]],
        vcpus,
        memoryMb,
        vcpusUsed: running.reduce((sum, guest) => sum + guest.vcpus, 0),
        memoryMbUsed: running.reduce((sum, guest) => sum + guest.memoryMb, 0),
        hypervisorType: 'fake',
        hypervisorVersion: 1_000_000,
        hypervisorHostname: name,
        cpuInfo: { ...CPU, topology: { ...CPU.topology, cores: vcpus } },
        numaTopology: [{ id: 0, cpus: Array.from({ length: vcpus }, (_, i) => i), memoryMb }],
        uptime: ' 00:00:00 up 0:00,  0 users,  load average: 0.00, 0.00, 0.00',
      }
    })
  }

  guests(): Promise<GuestState[]> {
    return this.weather.call('guests', () =>
      this.#guests.values().map(({ id, name, powerState }) => ({ id, name, powerState })),
    )
  }

  powerState(id: string): Promise<PowerState> {
    return this.weather.call('powerState', () => this.#guests.get(id)?.powerState ?? POWER.NOSTATE)
  }

  define(guest: GuestSpec): Promise<GuestDevice[]> {
    return this.weather.call('define', () => {
      const { id, name, hostname, flavor, vifs, disks } = guest
      const before = this.#guests.get(id)
      const clash = this.#guests.values().find((other) => other.name === name && other.id !== id)
      if (clash) throw fault('GuestNotOurs', { name })
      this.#guests.set(id, {
        id,
        name,
        hostname,
        vcpus: flavor.vcpus,
        memoryMb: flavor.memoryMb,
        macs: vifs.map(({ mac }) => mac),
        disks: disks.length,
        powerState: before?.powerState ?? POWER.SHUTDOWN,
        console: before?.console ?? '',
        saved: before?.saved ?? false,
      })
      return vifs.flatMap(({ tag, mac }, i): GuestDevice[] =>
        tag === undefined ? [] : [{ type: 'nic', bus: 'pci', address: address(i), mac, tags: [tag] }],
      )
    })
  }

  start(id: string, { paused }: { paused: boolean }): Promise<void> {
    return this.weather.call('start', () => {
      const guest = this.#must(id)
      if (!isOff(guest.powerState)) return
      const console = booted(guest)
      this.#become({ ...guest, console, saved: false }, paused ? POWER.PAUSED : POWER.RUNNING, 'started')
    })
  }

  suspend(id: string): Promise<void> {
    return this.weather.call('suspend', () => {
      const guest = this.#running(id)
      if (guest.powerState !== POWER.PAUSED) this.#become(guest, POWER.PAUSED, 'paused')
    })
  }

  resume(id: string): Promise<void> {
    return this.weather.call('resume', () => {
      const guest = this.#running(id)
      if (guest.powerState !== POWER.RUNNING) this.#become(guest, POWER.RUNNING, 'resumed')
    })
  }

  stop(id: string, how: 'acpi' | 'force'): Promise<void> {
    return this.weather.call('stop', () => {
      if (how === 'force') this.#off(id, POWER.SHUTDOWN)
      else if (this.#shutdownTime !== null) {
        this.weather.clock.after(this.#shutdownTime, () => {
          if (this.#guests.get(id)?.powerState === POWER.RUNNING) this.#off(id, POWER.SHUTDOWN)
        })
      }
    })
  }

  readonly managedSave = (id: string): Promise<void> =>
    this.weather.call('managedSave', () => {
      if (isOff(this.#must(id).powerState) && this.#must(id).saved) return
      this.#become({ ...this.#running(id), saved: true }, POWER.SHUTDOWN, 'stopped')
    })

  readonly restore = (id: string): Promise<void> =>
    this.weather.call('restore', () => {
      const guest = this.#must(id)
      if (guest.powerState === POWER.RUNNING) return
      if (!isOff(guest.powerState)) return this.#become(guest, POWER.RUNNING, 'resumed')
      const console = guest.saved ? guest.console : booted(guest)
      this.#become({ ...guest, console, saved: false }, POWER.RUNNING, 'started')
    })

  destroy(id: string): Promise<void> {
    return this.weather.call('destroy', () => {
      this.#off(id, POWER.SHUTDOWN)
      this.#guests.delete(id)
    })
  }

  async *events(signal: AbortSignal): AsyncGenerator<GuestEvent, void, void> {
    try {
      for await (const [event] of on(this.#emitter, 'event', { signal })) yield event
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async *reconnections(signal: AbortSignal): AsyncGenerator<void, void, void> {
    try {
      for await (const _ of on(this.#emitter, 'connected', { signal })) yield
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  consoleOutput(id: string, maxBytes: number): Promise<Uint8Array> {
    return this.weather.call('consoleOutput', () =>
      Buffer.from(this.#guests.get(id)?.console ?? '').subarray(-maxBytes),
    )
  }

  readonly diagnostics = (id: string): Promise<GuestDiagnostics> =>
    this.weather.call('diagnostics', () => figures(this.#must(id)))

  /** Lets something happen to a guest that nobody asked for. */
  incident(id: string, what: Incident): void {
    const guest = this.#must(id)
    if (what === 'poweroff') this.#off(id, POWER.SHUTDOWN)
    else if (what === 'crash') this.#off(id, POWER.CRASHED)
    else if (what === 'start') this.#become(guest, POWER.RUNNING, 'started')
    else if (what === 'pause') this.#become(guest, POWER.PAUSED, 'paused')
    else if (what === 'unpause') this.#become(guest, POWER.RUNNING, 'resumed')
    else this.#guests.delete(id)
  }

  /** What happens in `work` happens while the connection is lost: its events reach nobody. */
  outage(work: () => void): void {
    this.#isConnected = false
    work()
    this.#isConnected = true
    this.#emitter.emit('connected')
  }

  #must(id: string): FakeGuest {
    const guest = this.#guests.get(id)
    if (!guest) throw fault('GuestNotFound', { id })
    return guest
  }

  #running(id: string): FakeGuest {
    const guest = this.#must(id)
    if (isOff(guest.powerState)) throw fault('HypervisorFailed', { why: 'domain is not running' })
    return guest
  }

  #off(id: string, powerState: PowerState): void {
    const guest = this.#guests.get(id)
    if (guest && !isOff(guest.powerState)) this.#become(guest, powerState, 'stopped')
  }

  #become(guest: FakeGuest, powerState: PowerState, event: GuestEvent['event']): void {
    this.#guests.set(guest.id, { ...guest, powerState })
    if (this.#isConnected) this.#emitter.emit('event', { id: guest.id, event, powerState })
  }
}

/** What its console shows after a boot. */
function booted({ console, hostname }: FakeGuest): string {
  return `${console}${hostname} login-ready\n`
}

function address(index: number): string {
  return `0000:00:${(index + 3).toString(16).padStart(2, '0')}.0`
}

function figures(guest: FakeGuest): GuestDiagnostics {
  const nic = { rxOctets: 0, rxErrors: 0, rxDrop: 0, rxPackets: 0, txOctets: 0, txErrors: 0, txDrop: 0, txPackets: 0 }
  const disk = { readBytes: 0, readRequests: 0, writeBytes: 0, writeRequests: 0, errorsCount: null }
  const words = { 0: 'pending', 1: 'running', 3: 'paused', 4: 'shutdown', 6: 'crashed', 7: 'suspended' } as const
  const { vcpus, memoryMb, macs, disks, powerState } = guest
  return {
    state: words[powerState],
    driver: 'fake',
    hypervisor: 'fake',
    hypervisorOs: 'linux',
    uptime: null,
    numCpus: vcpus,
    numNics: macs.length,
    numDisks: disks,
    cpuDetails: Array.from({ length: vcpus }, (_, id) => ({ id, time: 0 })),
    nicDetails: macs.map((macAddress) => ({ macAddress, ...nic })),
    diskDetails: Array.from({ length: disks }, () => ({ ...disk })),
    memoryDetails: { maximum: memoryMb, used: isOff(powerState) ? 0 : memoryMb },
  }
}
