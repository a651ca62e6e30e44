// Randomness behind an interface: real in production, seeded in tests.
import { randomBytes, randomUUID } from 'node:crypto'

export interface Random {
  /** A hyphenated uuid, version 4. */
  uuid(): string
  bytes(count: number): Buffer
  /** A number in [0, 1). */
  float(): number
}

export const systemRandom: Random = {
  uuid: () => randomUUID(),
  bytes: (count) => randomBytes(count),
  float: () => randomBytes(4).readUInt32BE() / 2 ** 32,
}

/** The same sequence for the same seed (mulberry32). Never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => Math.floor(float() * 256)))
  const uuid = (): string => {
    const raw = bytes(16)
    raw[6] = (raw[6]! & 0x0f) | 0x40
    raw[8] = (raw[8]! & 0x3f) | 0x80
    const hex = raw.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
  return { uuid, bytes, float }
}

/** One element, evenly chosen. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.float() * items.length)]!
}
