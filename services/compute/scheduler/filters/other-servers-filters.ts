// Hints: away from the hosts of some servers, or on one of the hosts of others.
import type { Filter } from '../host-state.ts'

export const differentHostFilter: Filter = {
  name: 'DifferentHostFilter',
  mayRemove: ({ differentHosts }) => differentHosts,
  judge: ({ host }, { differentHosts }) =>
    differentHosts.includes(host) ? 'it has a server that the hint different_host names' : undefined,
}

export const sameHostFilter: Filter = {
  name: 'SameHostFilter',
  reads: ({ sameHosts }) => (sameHosts === null ? null : undefined),
  judge: ({ host }, { sameHosts }) =>
    sameHosts === null || sameHosts.includes(host) ? undefined : 'it has no server that the hint same_host names',
}
