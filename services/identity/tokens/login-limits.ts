// Failed logins cost; whoever has failed too often waits. Successful ones cost nothing.
import type { Clock } from '@kilonova/base/clock'
import { fault } from '../faults.ts'

interface Rate {
  /** Failures in a row before the first wait. */
  burst: number
  perSecond: number
}

/** One user from one address is told off early; a user or an address alone much later, or strangers could lock a user out. */
const RATES = {
  userAtAddress: { burst: 30, perSecond: 0.5 },
  user: { burst: 300, perSecond: 1 },
  address: { burst: 300, perSecond: 5 },
} satisfies Record<string, Rate>

const BUCKETS_AT_MOST = 30_000

interface Bucket {
  left: number
  at: number
}

export class LoginLimits {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws TooManyAttempts while one of the limits is used up. `user` is whatever the caller said, known or not. */
  check(user: string, address: string | null): void {
    for (const [key, rate] of keysOf(user, address)) if (this.#left(key, rate) < 1) throw fault('TooManyAttempts', {})
  }

  failed(user: string, address: string | null): void {
    for (const [key, rate] of keysOf(user, address)) {
      const left = Math.max(0, this.#left(key, rate) - 1)
      this.#buckets.delete(key)
      this.#buckets.set(key, { left, at: this.#clock.monotonic() })
    }
    while (this.#buckets.size > BUCKETS_AT_MOST) this.#buckets.delete(this.#buckets.keys().next().value!)
  }

  #left(key: string, { burst, perSecond }: Rate): number {
    const bucket = this.#buckets.get(key)
    if (!bucket) return burst
    return Math.min(burst, bucket.left + ((this.#clock.monotonic() - bucket.at) / 1000) * perSecond)
  }
}

function keysOf(user: string, address: string | null): [string, Rate][] {
  return [
    [`both ${address} ${user}`, RATES.userAtAddress],
    [`user ${user}`, RATES.user],
    [`address ${address}`, RATES.address],
  ]
}
