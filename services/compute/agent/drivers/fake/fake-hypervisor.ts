// A hypervisor that keeps its guests in memory: for tests, simulations and `--driver fake`. Any number in one process.
import { EventEmitter, on } from 'node:events'
import { capabilityTraits } from '../../capability-traits.ts'
import { fault } from '../../faults.ts'
import type { GuestDevice, GuestSpec, GuestVif } from '../../guest-spec.ts'
import type {
  CpuInfo,
  DiskCopies,
  GuestDiagnostics,
  GuestEvent,
  GuestState,
  Hypervisor,
  StalledGuest,
} from '../../hypervisor.ts'
import { isOff, POWER, type PowerState } from '../../power-state.ts'
import { FakeConsoles } from './fake-consoles.ts'
import { Journal } from './journal.ts'
import { Weather } from './weather.ts'

export interface FakeHypervisorOptions {
  /** hypervisor_hostname */
  name: string
  vcpus?: number
  memoryMb?: number
  /** Milliseconds that a guest takes to obey its power button; null: it never does. */
  shutdownTime?: number | null
  /** Milliseconds that a copy of a running guest's disk takes. */
  copyTime?: number
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
  /** Where its disks lie: as it is defined, and as it was when it booted. */
  disks: string[]
  running: string[]
  powerState: PowerState
  console: string
  /** Its memory is saved. */
  saved: boolean
  /** A guest agent answers in it. */
  agent: boolean
  /** It stands still because a write to that disk had no room. */
  stalled?: string
  /** What was begun to copy one of its disks; `held` is what it did before. */
  copying?: { target?: string; frozen?: boolean; held?: PowerState }
}

/** What happens to a guest without the agent's doing. */
export type Incident = 'poweroff' | 'crash' | 'start' | 'pause' | 'unpause' | 'stall' | 'remove'

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
  #copyTime: number
  #guests: Journal<FakeGuest>
  #isConnected = true
  readonly consoles = new FakeConsoles((id) =>
    this.weather.call('consoles', () => {
      const { name, powerState } = this.#must(id)
      if (isOff(powerState)) throw fault('GuestOff', { id, powerState })
      return name
    }),
  )
  #emitter = new EventEmitter<{ event: [GuestEvent]; connected: [] }>().setMaxListeners(0)

  constructor(options: FakeHypervisorOptions) {
    const { name, vcpus = 64, memoryMb = 262_144, shutdownTime = 0, copyTime = 0 } = options
    const { file = null, weather = new Weather() } = options
    this.weather = weather
    this.#host = { name, vcpus, memoryMb }
    this.#shutdownTime = shutdownTime
    this.#copyTime = copyTime
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
        traits: capabilityTraits({ architectures: ['x86_64'], display: true }),
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
    return this.weather.call('define', () => this.#define(guest))
  }

  attachVif(guest: GuestSpec, _vif: GuestVif): Promise<GuestDevice[]> {
    return this.weather.call('attachVif', () => {
      this.#must(guest.id)
      return this.#define(guest)
    })
  }

  detachVif(guest: GuestSpec, _vif: GuestVif): Promise<GuestDevice[]> {
    return this.weather.call('detachVif', () => {
      this.#must(guest.id)
      return this.#define(guest)
    })
  }

  #define(guest: GuestSpec): GuestDevice[] {
    const { id, name, hostname, flavor, vifs, disks, image } = guest
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
      disks: disks.map(({ source }) => source.path),
      running: before?.running ?? [],
      powerState: before?.powerState ?? POWER.SHUTDOWN,
      console: before?.console ?? '',
      saved: before?.saved ?? false,
      agent: /^(1|t|true|on|y|yes)$/i.test(image?.properties['hw_qemu_guest_agent'] ?? ''),
      ...(before?.copying ? { copying: before.copying } : {}),
    })
    return [
      ...vifs.flatMap(({ tag, mac }, i): GuestDevice[] =>
        tag === undefined ? [] : [{ type: 'nic', bus: 'pci', address: address(i), mac, tags: [tag] }],
      ),
      ...disks.flatMap(({ tag }, i): GuestDevice[] =>
        tag === undefined ? [] : [{ type: 'disk', bus: 'pci', address: address(vifs.length + i), tags: [tag] }],
      ),
    ]
  }

  start(id: string, { paused }: { paused: boolean }): Promise<void> {
    return this.weather.call('start', () => {
      const guest = this.#must(id)
      if (!isOff(guest.powerState)) return
      this.#become({ ...guest, ...booted(guest), saved: false }, paused ? POWER.PAUSED : POWER.RUNNING, 'started')
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
      const { stalled: _, ...going } = guest
      if (guest.powerState !== POWER.RUNNING) this.#become(going, POWER.RUNNING, 'resumed')
    })
  }

  readonly stalled = (): Promise<StalledGuest[]> =>
    this.weather.call('stalled', () =>
      this.#guests
        .values()
        .flatMap(({ id, stalled, powerState }) =>
          stalled !== undefined && powerState === POWER.PAUSED ? [{ id, disk: stalled }] : [],
        ),
    )

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
      const how = guest.saved ? {} : booted(guest)
      this.#become({ ...guest, ...how, saved: false }, POWER.RUNNING, 'started')
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

  /** Its agent is there while it runs, and says on the console what it did. */
  readonly setPassword = (id: string, user: string, password: string): Promise<void> =>
    this.weather.call('setPassword', () => {
      const guest = this.#running(id)
      this.#guests.set(id, {
        ...guest,
        console: `${guest.console}${user}: new password of ${password.length} letters\n`,
      })
    })

  readonly injectNmi = (id: string): Promise<void> =>
    this.weather.call('injectNmi', () => {
      const guest = this.#running(id)
      this.#guests.set(id, { ...guest, console: `${guest.console}NMI received\n` })
    })

  readonly diagnostics = (id: string): Promise<GuestDiagnostics> =>
    this.weather.call('diagnostics', () => {
      const guest = this.#must(id)
      if (isOff(guest.powerState)) throw fault('GuestOff', { id, powerState: guest.powerState })
      return figures(guest)
    })

  readonly diskCopies: DiskCopies = {
    copy: (id, { target, freeze, progress, signal }) =>
      this.weather.call('copy', async () => {
        this.#release(id)
        this.#begin(this.#running(id), { target })
        try {
          for (let share = 0; share < 1; share += 0.25) {
            signal.throwIfAborted()
            progress(share)
            await this.weather.clock.sleep(this.#copyTime / 4, signal)
          }
          const guest = this.#running(id)
          if (freeze === 'must' && !guest.agent) throw fault('QuiesceNotPossible', { id, why: 'it has no agent' })
          if (freeze !== 'no') this.#begin(guest, { target, frozen: guest.agent })
        } finally {
          this.#release(id)
        }
      }),
    hold: (id) =>
      this.weather.call('hold', () => {
        const guest = this.#must(id)
        if (isOff(guest.powerState)) return
        const saved = { ...guest, saved: true, copying: { held: guest.powerState } }
        this.#become(saved, POWER.SHUTDOWN, 'stopped')
      }),
    release: (id) => this.weather.call('release', () => this.#release(id)),
    begun: () =>
      this.weather.call('begun', () => this.#guests.values().flatMap(({ id, copying }) => (copying ? [id] : []))),
  }

  /** Where the disks lie that the guest runs with, or while it is off those that it would boot with. */
  disksOf(id: string): string[] {
    const guest = this.#guests.get(id)
    if (!guest) return []
    return isOff(guest.powerState) ? guest.disks : guest.running
  }

  /** Lets something happen to a guest that nobody asked for. */
  incident(id: string, what: Incident): void {
    const guest = this.#must(id)
    if (what === 'poweroff') this.#off(id, POWER.SHUTDOWN)
    else if (what === 'crash') this.#off(id, POWER.CRASHED)
    else if (what === 'start') this.#become({ ...guest, running: guest.disks }, POWER.RUNNING, 'started')
    else if (what === 'stall') this.#become({ ...guest, stalled: 'vda' }, POWER.PAUSED, 'paused')
    else if (what === 'pause') this.#become(guest, POWER.PAUSED, 'paused')
    else if (what === 'unpause') this.#become(guest, POWER.RUNNING, 'resumed')
    else {
      this.consoles.end(id)
      this.#guests.delete(id)
    }
  }

  /** The machine boots: nothing runs any more, and nobody is told. */
  boot(): void {
    for (const guest of this.#guests.values()) {
      if (!isOff(guest.powerState)) this.#guests.set(guest.id, { ...guest, powerState: POWER.SHUTDOWN })
    }
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

  #begin(guest: FakeGuest, copying: NonNullable<FakeGuest['copying']>): void {
    this.#guests.set(guest.id, { ...guest, copying })
  }

  #release(id: string): void {
    const guest = this.#guests.get(id)
    if (!guest?.copying) return
    const { copying, ...released } = guest
    this.#guests.set(id, released)
    const { held } = copying
    if (held !== undefined && isOff(guest.powerState) && guest.saved)
      this.#become({ ...released, saved: false }, held, 'started')
  }

  #off(id: string, powerState: PowerState): void {
    const guest = this.#guests.get(id)
    if (guest && !isOff(guest.powerState)) this.#become(guest, powerState, 'stopped')
  }

  #become(guest: FakeGuest, powerState: PowerState, event: GuestEvent['event']): void {
    this.#guests.set(guest.id, { ...guest, powerState })
    if (isOff(powerState)) this.consoles.end(guest.id)
    if (this.#isConnected) this.#emitter.emit('event', { id: guest.id, event, powerState })
  }
}

/** What a boot makes of it. */
function booted({ console, hostname, disks }: FakeGuest): Pick<FakeGuest, 'console' | 'running'> {
  return { console: `${console}${hostname} login-ready\n`, running: disks }
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
    driver: 'libvirt',
    hypervisor: 'fake',
    hypervisorOs: 'linux',
    numCpus: vcpus,
    numNics: macs.length,
    numDisks: disks.length,
    cpuDetails: Array.from({ length: vcpus }, (_, id) => ({ id, time: 0 })),
    nicDetails: macs.map((macAddress, i) => ({ target: `tap${i}`, macAddress, ...nic })),
    diskDetails: disks.map((_, i) => ({ target: `vd${String.fromCharCode(97 + i)}`, ...disk })),
    memoryDetails: { maximum: memoryMb, used: memoryMb },
    memoryStats: { actual: memoryMb * 1024 },
  }
}
