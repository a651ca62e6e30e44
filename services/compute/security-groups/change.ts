// Puts a security group of the server's project on all of its ports, or takes it off them.
import type { RequestContext } from '@kilonova/base/context'
import type { ServerGroupChange } from '@kilonova/network/client'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ActionName } from '../servers/actions.ts'
import { refuse } from '../servers/lifecycle.ts'
import { getServer } from '../servers/store.ts'

interface Asked {
  id: string
  /** Its name or id. */
  group: string
}

export function addSecurityGroup(compute: Compute, context: RequestContext, asked: Asked): Promise<void> {
  return change(compute, context, asked, 'addSecurityGroup', (wanted) => compute.network.addServerGroup(wanted))
}

export function removeSecurityGroup(compute: Compute, context: RequestContext, asked: Asked): Promise<void> {
  return change(compute, context, asked, 'removeSecurityGroup', (wanted) => compute.network.removeServerGroup(wanted))
}

function change(
  compute: Compute,
  context: RequestContext,
  { id, group }: Asked,
  action: ActionName,
  make: (wanted: ServerGroupChange) => Promise<void>,
): Promise<void> {
  if (group.trim() === '') throw fault('BadRequest', { message: 'Security group name cannot be empty' })
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    refuse(row, action, context)
    await make({ serverId: id, projectId: row.project_id, nameOrId: group })
  })
}
