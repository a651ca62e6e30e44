// What the aggregates of a host say under a key, all of them together.
import type { HostState } from './host-state.ts'

/** The values of each key, split at commas. */
export function aggregateValues(host: HostState): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const { metadata } of host.aggregates) {
    for (const [key, value] of Object.entries(metadata)) {
      values.set(key, [...(values.get(key) ?? []), ...value.split(',').map((part) => part.trim())])
    }
  }
  return values
}

/** The least of the key's values; the fallback when there is none, or one that is no number. */
export function aggregateNumber(host: HostState, key: string, fallback: number): number {
  const texts = host.aggregates.flatMap(({ metadata }) => metadata[key] ?? [])
  if (texts.length === 0) return fallback
  const numbers = texts.map((text) => (text.trim() === '' ? Number.NaN : Number(text)))
  return numbers.every(Number.isFinite) ? Math.min(...numbers) : fallback
}
