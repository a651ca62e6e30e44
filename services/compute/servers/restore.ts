// restore: a server that was only put away comes back, if its project still has room for it.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { checkServerQuota } from '../quota-sets/check.ts'
import { commandServer } from './command.ts'
import { restoreServerTask } from './tasks.ts'
import { parsed } from './view.ts'

export function restoreServer(compute: Compute, context: RequestContext, id: string) {
  return commandServer(compute, context, {
    id,
    action: 'restore',
    recorded: 'restore',
    task: restoreServerTask,
    input: async (row) => {
      const { vcpus, memoryMb } = parsed<GuestFlavor>(row.flavor_json)
      await compute.store.lock(`quota:${row.project_id}`)
      await checkServerQuota(compute, row.project_id, { instances: 1, cores: vcpus, ram: memoryMb })
      return {}
    },
  })
}
