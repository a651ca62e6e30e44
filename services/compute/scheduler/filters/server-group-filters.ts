// The host suits the policy of the server's group.
import { affinityLack, antiAffinityLack } from '../group-rules.ts'
import type { Filter } from '../host-state.ts'

export const serverGroupAntiAffinityFilter: Filter = {
  name: 'ServerGroupAntiAffinityFilter',
  mayRemove: ({ group }) => (group?.policy === 'anti-affinity' ? Object.keys(group.others) : []),
  judge: ({ host }, { group }) => antiAffinityLack(host, group),
}

export const serverGroupAffinityFilter: Filter = {
  name: 'ServerGroupAffinityFilter',
  reads: ({ group }) => (group?.policy === 'affinity' ? undefined : null),
  judge: ({ host }, { group }) => affinityLack(host, group),
}
