// How a fake host treats calls: how long they take, which of them fail.
import { type Clock, systemClock } from '@kilonova/base/clock'
import { type Random, seededRandom } from '@kilonova/base/random'
import { fault } from '../../faults.ts'

export interface WeatherOptions {
  /** Milliseconds that each call takes. */
  latency?: number
  /** Share of calls that fail, 0 to 1; half of them after they took effect. */
  failureRate?: number
  seed?: number
  clock?: Clock
}

export class Weather {
  readonly clock: Clock
  /** Milliseconds that each call takes from now on. */
  latency: number
  #failureRate: number
  #random: Random
  #broken = new Map<string, { times: number; when: 'before' | 'after' }>()

  constructor({ latency = 0, failureRate = 0, seed = 1, clock = systemClock }: WeatherOptions = {}) {
    this.clock = clock
    this.latency = latency
    this.#failureRate = failureRate
    this.#random = seededRandom(seed)
  }

  /** The next `times` calls of that name fail, before or after their effect. */
  breakNext(call: string, times = 1, when: 'before' | 'after' = 'before'): void {
    this.#broken.set(call, { times, when })
  }

  async call<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    if (this.latency > 0) await this.clock.sleep(this.latency)
    const failure = this.#failure(name)
    if (failure === 'before') throw injected(name)
    const result = await work()
    if (failure === 'after') throw injected(name)
    return result
  }

  #failure(name: string): 'before' | 'after' | undefined {
    const broken = this.#broken.get(name)
    if (broken && broken.times > 0) {
      broken.times -= 1
      return broken.when
    }
    if (this.#failureRate === 0 || this.#random.float() >= this.#failureRate) return undefined
    return this.#random.float() < 0.5 ? 'before' : 'after'
  }
}

function injected(name: string): Error {
  return fault('HypervisorFailed', { why: `${name} failed as the fake driver was told` })
}
