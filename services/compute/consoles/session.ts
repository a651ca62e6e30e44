// One connection to a console: bytes between a WebSocket and a guest, for as long as both live and it is allowed.
import type { Socket } from 'node:net'
import type { Clock, Timer } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { WebSocket } from 'ws'

export interface SessionParts {
  user: WebSocket
  guest: Socket
  clock: Clock
  /** Why it is no longer allowed; undefined while it is. */
  refusal: () => Promise<string | undefined>
  /** Milliseconds since 1970; Infinity for no end but that of others. */
  endsAt: number
}

/** Milliseconds between looks at whether it is still allowed: with what identity remembers, below five seconds. */
const LOOK_MS = 2000
/** Milliseconds between pings; who has not answered one by the next is gone. */
const PING_MS = 30_000
/** Milliseconds in which nobody said anything. */
const IDLE_MS = 30 * 60_000

const FAREWELL_MS = 2000

/** Close codes of RFC 6455. */
export const CLOSE = { normal: 1000, goingAway: 1001, refused: 1008 } as const

export class Session {
  /** Resolves when both sides are closed. */
  readonly over: Promise<void>
  readonly #parts: SessionParts
  #timer: Timer | undefined
  #lastWord: number
  #pingedAt: number
  #answered = true

  /** Begins at once. */
  constructor(parts: SessionParts) {
    const { user, guest, clock } = parts
    this.#parts = parts
    this.#lastWord = this.#pingedAt = clock.monotonic()
    const closed = (side: WebSocket | Socket): Promise<void> => new Promise((resolve) => side.once('close', resolve))
    this.over = Promise.all([closed(user as never), closed(guest)]).then(() => this.#timer?.cancel())
    user.on('error', (error) => log('compute.console').debug(errorChain(error)))
    guest.on('error', (error) => log('compute.console').debug(errorChain(error)))
    user.once('close', () => guest.destroy())
    guest.once('close', () => this.close(CLOSE.normal, 'the guest went off, or somebody else took its console'))
    user.on('pong', () => {
      this.#answered = true
    })
    this.#toGuest()
    this.#toUser()
    this.#lookAgain()
  }

  /** `reason`: 123 bytes at most. Who does not say farewell in turn is cut off. */
  close(code: number, reason: string): void {
    const { user, guest, clock } = this.#parts
    if (user.readyState === user.OPEN) clock.after(FAREWELL_MS, () => user.terminate())
    user.close(code, reason)
    guest.destroy()
  }

  #toGuest(): void {
    const { user, guest } = this.#parts
    user.on('message', (data: Buffer) => {
      this.#spoken()
      if (guest.destroyed || guest.write(data)) return
      user.pause()
      guest.once('drain', () => user.resume())
    })
  }

  /** The next piece is read when the one before has left. */
  #toUser(): void {
    const { user, guest } = this.#parts
    guest.on('data', (data: Buffer) => {
      this.#spoken()
      guest.pause()
      user.send(data, (error) => {
        if (!error) guest.resume()
      })
    })
  }

  #spoken(): void {
    this.#lastWord = this.#parts.clock.monotonic()
  }

  #lookAgain(): void {
    const look = async (): Promise<void> => {
      const reason = await this.#reasonToEnd()
      if (reason === undefined) this.#lookAgain()
      else this.close(CLOSE.refused, reason)
    }
    if (this.#isOpen) this.#timer = this.#parts.clock.after(LOOK_MS, () => void look())
  }

  get #isOpen(): boolean {
    const { user, guest } = this.#parts
    return user.readyState === user.OPEN && !guest.destroyed
  }

  async #reasonToEnd(): Promise<string | undefined> {
    const { clock, endsAt, refusal } = this.#parts
    if (clock.now() >= endsAt) return 'the time of this console is over; ask for a new one'
    if (clock.monotonic() - this.#lastWord >= IDLE_MS) return 'nothing was said for half an hour'
    if (!this.#isThere()) return 'no answer to a ping'
    try {
      return await refusal()
    } catch (error) {
      // Not to know is no reason to end: what it asks may be away for a moment.
      log('compute.console').warn(`could not look at a console's right: ${errorChain(error)}`)
      return undefined
    }
  }

  #isThere(): boolean {
    const { user, clock } = this.#parts
    if (clock.monotonic() - this.#pingedAt < PING_MS) return true
    if (!this.#answered) return false
    this.#answered = false
    this.#pingedAt = clock.monotonic()
    user.ping()
    return true
  }
}
