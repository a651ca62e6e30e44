// Wanted against seen. What is there is believed at once; that something is gone only when two samples agree.

/** What a comparison found. */
export interface Differences<Wanted, Seen> {
  /** Wanted, and absent from two samples in a row. */
  readonly missing: readonly Wanted[]
  /** Seen in two samples in a row, though not wanted in either. */
  readonly unwanted: readonly Seen[]
  /** Wanted and seen, whatever state they are in. */
  readonly both: readonly { readonly wanted: Wanted; readonly seen: Seen }[]
}

export interface ReconcileOptions<Wanted, Seen> {
  /** What the records say should be there. Read after `seen`, so that what was just made is not called unwanted. */
  wanted(): Promise<readonly Wanted[]> | readonly Wanted[]
  /** What is there. Throws when it cannot tell: a failed look is no sample. */
  seen(): Promise<readonly Seen[]> | readonly Seen[]
  keyOfWanted(wanted: Wanted): string
  keyOfSeen(seen: Seen): string
}

/** Compares one kind of thing, sample by sample. */
export class Reconciler<Wanted, Seen> {
  readonly #options: ReconcileOptions<Wanted, Seen>
  #missingBefore = new Set<string>()
  #unwantedBefore = new Set<string>()

  constructor(options: ReconcileOptions<Wanted, Seen>) {
    this.#options = options
  }

  /** Takes one sample. What differs for the first time is only remembered. Throws what `seen` and `wanted` throw. */
  async sample(): Promise<Differences<Wanted, Seen>> {
    const { keyOfWanted, keyOfSeen } = this.#options
    const seen = new Map((await this.#options.seen()).map((one) => [keyOfSeen(one), one]))
    const wanted = new Map((await this.#options.wanted()).map((one) => [keyOfWanted(one), one]))
    const missing = [...wanted].filter(([key]) => !seen.has(key))
    const unwanted = [...seen].filter(([key]) => !wanted.has(key))
    const differences = {
      missing: missing.filter(([key]) => this.#missingBefore.has(key)).map(([, one]) => one),
      unwanted: unwanted.filter(([key]) => this.#unwantedBefore.has(key)).map(([, one]) => one),
      both: [...wanted].filter(([key]) => seen.has(key)).map(([key, one]) => ({ wanted: one, seen: seen.get(key)! })),
    }
    this.#missingBefore = new Set(missing.map(([key]) => key))
    this.#unwantedBefore = new Set(unwanted.map(([key]) => key))
    return differences
  }

  /** Forgets former samples: after a reconnect, two new ones must agree. */
  reset(): void {
    this.#missingBefore.clear()
    this.#unwantedBefore.clear()
  }
}
