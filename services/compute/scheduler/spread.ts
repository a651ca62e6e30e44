// Among the best hosts chance may decide, so that schedulers that look at once do not all choose the same.
import type { Random } from '@kilonova/base/random'
import { pick } from '@kilonova/base/random'
import type { Ranked } from './choose.ts'
import type { HostState } from './host-state.ts'

export interface SpreadOptions {
  host_subset_size: number
  shuffle_best_same_weighed_hosts: boolean
}

/** The hosts in the order in which they are tried. */
export function spread(ranked: readonly Ranked[], options: SpreadOptions, random: Random): HostState[] {
  const hosts = (options.shuffle_best_same_weighed_hosts ? shuffledBest(ranked, random) : ranked).map(
    ({ host }) => host,
  )
  const best = hosts.slice(0, options.host_subset_size)
  if (best.length < 2) return hosts
  const first = pick(random, best)
  return [first, ...hosts.filter((host) => host !== first)]
}

/** Those that weigh as much as the first, in any order; the rest as it was. */
function shuffledBest(ranked: readonly Ranked[], random: Random): Ranked[] {
  const same = ranked.filter(({ weight }) => weight === ranked[0]!.weight)
  const drawn = same.map((one) => ({ one, lot: random.float() })).toSorted((a, b) => a.lot - b.lot)
  return [...drawn.map(({ one }) => one), ...ranked.slice(same.length)]
}
