// Who changed what: caches forget at this process's own commits at once, and at other processes' within two seconds.
import type { Clock } from '@kilonova/base/clock'
import type { Store } from '@kilonova/store/store'
import type { IdentityTables } from './schema/tables.ts'

/** subjects: users, groups, projects, domains, roles, assignments. */
export type Topic = 'subjects' | 'catalog' | 'revocations' | 'keys'

const LOOK_EVERY_MS = 2000

/** The generations of the stored topics, as this process knows them. */
export class Changes {
  readonly #store: Store
  readonly #clock: Clock
  readonly #seen = new Map<string, number>()
  readonly #epochs = new Map<Topic, number>()
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Counts this process's knowledge of the topic: what was read under another number is out of date. */
  epoch(topic: Topic): number {
    return this.#epochs.get(topic) ?? 0
  }

  /** To be called in the transaction that writes. */
  async note(topic: Topic): Promise<void> {
    await this.#store
      .as<IdentityTables>()
      .updateTable('identity_generations')
      .set((eb) => ({ value: eb('value', '+', 1) }))
      .where('topic', '=', topic)
      .execute()
    this.#store.afterCommit(() => this.#forget(topic))
  }

  /** Makes epochs at most two seconds old. Callers do not wait for each other: one of them may hold a transaction. */
  async look(): Promise<void> {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt < LOOK_EVERY_MS) return
    this.#lookedAt = now
    try {
      const rows = await this.#store.as<IdentityTables>().selectFrom('identity_generations').selectAll().execute()
      for (const { topic, value } of rows) this.#compare(topic as Topic, value)
    } catch (error) {
      this.#lookedAt = Number.NEGATIVE_INFINITY
      throw error
    }
  }

  #compare(topic: Topic, value: number): void {
    if (this.#seen.get(topic) === value) return
    this.#seen.set(topic, value)
    this.#forget(topic)
  }

  #forget(topic: Topic): void {
    this.#epochs.set(topic, this.epoch(topic) + 1)
  }
}

/** Values of one topic by key, at most `size`; the least recently used go first. */
export class Remembered<Value> {
  readonly #changes: Changes
  readonly #topic: Topic
  readonly #size: number
  readonly #values = new Map<string, Value>()
  #epoch = 0

  constructor(changes: Changes, topic: Topic, size: number) {
    this.#changes = changes
    this.#topic = topic
    this.#size = size
  }

  get(key: string): Value | undefined {
    if (this.#epoch !== this.#changes.epoch(this.#topic)) {
      this.#values.clear()
      this.#epoch = this.#changes.epoch(this.#topic)
      return undefined
    }
    const value = this.#values.get(key)
    if (value !== undefined) {
      this.#values.delete(key)
      this.#values.set(key, value)
    }
    return value
  }

  /** The remembered value, or else the loaded one. Undefined values are not remembered. */
  async getOr(key: string, load: () => Promise<Value>): Promise<Value> {
    const known = this.get(key)
    if (known !== undefined) return known
    const epoch = this.#changes.epoch(this.#topic)
    const value = await load()
    if (value !== undefined && epoch === this.#changes.epoch(this.#topic)) this.#keep(key, value)
    return value
  }

  #keep(key: string, value: Value): void {
    this.get(key) // brings the map to the current epoch
    this.#values.set(key, value)
    if (this.#values.size > this.#size) this.#values.delete(this.#values.keys().next().value!)
  }
}
