// Keepalive both ways: answers the daemon's pings, and finds out when the daemon is gone without a word.
import type { Clock, Timer } from './clock.ts'

export interface KeepaliveOptions {
  /** Milliseconds between looks. Default 5,000. */
  interval?: number
  /** Silent looks after which an unloaded connection counts as dead. Default 6. */
  count?: number
  /** Silent looks after which a loaded one does. Default 60. */
  busyCount?: number
}

interface Surroundings {
  clock: Clock
  /** Calls that are not answered yet. */
  inFlight(): number
  send(procedure: number): void
  dead(silence: number): void
  slow(silence: number): void
}

const PING = 1
const PONG = 2

/**
 * libvirtd's default for max_client_requests: with so many calls waiting it reads nothing more from this connection,
 * pings included, so that silence then does not mean death.
 */
const BLOCKING = 5

export class Keepalive {
  readonly #around: Surroundings
  readonly #interval: number
  readonly #count: number
  readonly #busyCount: number
  #timer: Timer
  #heard = false
  #silent = 0

  constructor({ interval = 5000, count = 6, busyCount = 60 }: KeepaliveOptions, around: Surroundings) {
    this.#around = around
    this.#interval = interval
    this.#count = count
    this.#busyCount = busyCount
    this.#timer = this.#next()
  }

  /** Something arrived, whatever it was. */
  heard(): void {
    this.#heard = true
  }

  /** A keepalive message. */
  receive(procedure: number): void {
    if (procedure === PING) this.#around.send(PONG)
  }

  stop(): void {
    this.#timer.cancel()
  }

  #next(): Timer {
    return this.#around.clock.after(this.#interval, () => this.#look())
  }

  #look(): void {
    this.#silent = this.#heard ? 0 : this.#silent + 1
    this.#heard = false
    const silence = this.#silent * this.#interval
    const busy = this.#around.inFlight() >= BLOCKING
    if (this.#silent > (busy ? this.#busyCount : this.#count)) {
      this.#around.dead(silence)
      return
    }
    if (busy && this.#silent === this.#count) this.#around.slow(silence)
    this.#timer = this.#next()
    if (this.#silent > 0) this.#around.send(PING)
  }
}
