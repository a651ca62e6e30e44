// What the commands of every resource work with.
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { Changes } from './changes.ts'

export interface Parts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly changes: Changes
}

/** An id as Keystone makes them: 32 hexadecimal digits. */
export function newId({ random }: Pick<Parts, 'random'>): string {
  return random.uuid().replaceAll('-', '')
}

export type Json = Record<string, unknown>

/** The keys of a body that are no columns: Keystone keeps and shows them. */
export function extraOf(body: Json, known: readonly string[]): Json {
  return Object.fromEntries(Object.entries(body).filter(([key]) => !known.includes(key)))
}

/** A row's JSON column over which a change is laid; a null removes its key. */
export function mergedJson(text: string, change: Json): string {
  const merged = { ...(JSON.parse(text) as Json), ...change }
  return JSON.stringify(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)))
}

/** True when a row's options forbid changing it. */
export function isImmutable(row: { options: string }): boolean {
  return (JSON.parse(row.options) as Json)['immutable'] === true
}

/** True when the only thing asked for is to lift the lock. */
export function unlocks(body: Json): boolean {
  const { options } = body as { options?: Json }
  return options !== undefined && 'immutable' in options && options['immutable'] !== true
}
