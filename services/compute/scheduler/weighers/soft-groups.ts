// Servers of a soft group go where others of it are, or where fewer of them are.
import type { HostState, SchedulingRequest, Weigher } from '../host-state.ts'

function others({ host }: HostState, { group }: SchedulingRequest, policy: string): number {
  return group?.policy === policy ? (group.others[host] ?? 0) : 0
}

export const softAffinityWeigher = {
  name: 'ServerGroupSoftAffinityWeigher',
  option: 'soft_affinity_weight_multiplier',
  matters: ({ group }) => group?.policy === 'soft-affinity',
  weigh: (host, request) => others(host, request, 'soft-affinity'),
} as const satisfies Weigher
export const softAntiAffinityWeigher = {
  name: 'ServerGroupSoftAntiAffinityWeigher',
  option: 'soft_anti_affinity_weight_multiplier',
  matters: ({ group }) => group?.policy === 'soft-anti-affinity',
  weigh: (host, request) => -others(host, request, 'soft-anti-affinity'),
} as const satisfies Weigher
