// Two streams as one line: what one side sends the other gets.
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/**
 * Lets bytes pass both ways, no faster than the slower side takes them, until either side ends or fails. Then neither
 * is left. Resolves when it is over, whatever ended it.
 */
export async function joinStreams(one: Duplex, other: Duplex): Promise<void> {
  const ways = [pipeline(one, other), pipeline(other, one)]
  await Promise.race(ways).catch(() => undefined)
  one.destroy()
  other.destroy()
  await Promise.allSettled(ways)
}
