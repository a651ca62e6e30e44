// The host suits the policy of the server's group.
import { affinityLack, antiAffinityLack } from '../group-rules.ts'
import type { Filter } from '../host-state.ts'

export const serverGroupAntiAffinityFilter: Filter = {
  name: 'ServerGroupAntiAffinityFilter',
  judge: ({ host }, { group }) => antiAffinityLack(host, group),
}

export const serverGroupAffinityFilter: Filter = {
  name: 'ServerGroupAffinityFilter',
  judge: ({ host }, { group }) => affinityLack(host, group),
}
