// Queries and replies of hypervisors; each field knows its versions.
import { booleanLike, integerLike } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closedSince, since, until } from '@kilonova/api/versions'

const O = Type.Optional
const withServers = () => O(booleanLike(since('2.53')))

export const ListHypervisors = Type.Object(
  {
    limit: O(integerLike(0, undefined, since('2.33'))),
    marker: O(Type.String(since('2.33'))),
    hypervisor_hostname_pattern: O(
      Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$', ...since('2.53') }),
    ),
    with_servers: withServers(),
  },
  closedSince('2.53'),
)
export type ListHypervisors = Static<typeof ListHypervisors>

export const ShowHypervisor = Type.Object({ with_servers: withServers() }, closedSince('2.53'))

const figure = () => O(Type.Unknown(until('2.87')))
const Hypervisor = Type.Object({
  cpu_info: figure(),
  current_workload: figure(),
  disk_available_least: figure(),
  free_disk_gb: figure(),
  free_ram_mb: figure(),
  local_gb: figure(),
  local_gb_used: figure(),
  memory_mb: figure(),
  memory_mb_used: figure(),
  running_vms: figure(),
  vcpus: figure(),
  vcpus_used: figure(),
  uptime: O(Type.Unknown(since('2.88'))),
})
export const HypervisorShown = Type.Object({ hypervisor: Hypervisor })
export const HypervisorsDetailed = Type.Object({ hypervisors: Type.Array(Hypervisor) })
