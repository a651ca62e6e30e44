// Why there is no host for a server: none that is up, none that suits, or none of those that suit has room.
import type { Compute } from '../compute.ts'
import type { Lack, NotPlaced } from '../faults.ts'
import type { Left, Removed } from '../scheduler/choose.ts'
import type { HostState, SchedulingRequest } from '../scheduler/host-state.ts'
import type { Room } from './room-for.ts'
import { lackOfRoom } from './room-for.ts'

export interface Search {
  request: SchedulingRequest
  /** The hosts that were looked at. */
  named: Left
  /** Those that pass the filters, and what removed the others. */
  suiting: Left
  /** Of those, the ones that were not claimed in vain. */
  left: readonly HostState[]
  room: Room
  /** Hosts that were not, and why. */
  without: readonly Removed[]
  /** Hosts that were right until the claim. */
  lost: readonly Removed[]
}

/** Filters first, room last, whatever came first in the search: more room would not help where no host suits. */
export async function whyNoHost(
  compute: Pick<Compute, 'placement'>,
  { request, named, suiting, left, room, without, lost }: Search,
): Promise<NotPlaced> {
  const all = without.reduce((sum, some) => sum + some.hosts, named.hosts.length)
  const { removed, isFull } = await lackOfRoom(compute, { hosts: left, request, room })
  const reasons = [...without, ...suiting.removed, ...removed, ...lost]
  if (all === 0) return notPlaced('no_host', 0, reasons)
  const areUp = named.hosts.some(({ up, disabledReason }) => up && disabledReason === null)
  if (named.hosts.length > 0 && !areUp && suiting.hosts.length === 0) return notPlaced('no_host_up', all, reasons)
  return notPlaced(isFull || lost.length > 0 ? 'no_capacity' : 'constraint', all, reasons)
}

const BEGINNINGS: Record<Lack, string> = {
  no_host: 'There is no compute host',
  no_host_up: 'No compute host that it may go to is up and enabled',
  no_capacity: 'No host that suits it has room',
  constraint: 'No host suits it',
}

export function notPlaced(lack: Lack, hosts: number, removed: Removed[]): NotPlaced {
  const steps = removed.map(
    ({ filter, hosts: count, nearest }) => `${filter} removed ${count}${nearest ? ` (${nearest})` : ''}`,
  )
  const why = hosts === 0 ? '' : `: of ${hosts}, ${steps.join(', ')}`
  return { lack, why: `${BEGINNINGS[lack]}${why}.`, removed }
}
