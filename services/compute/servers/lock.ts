// Lock and unlock: a locked server refuses changes by all but admins.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tellOfServer } from '../notifications/server-notice.ts'
import type { ServerRow } from '../schema/tables.ts'
import { recordAction } from './instance-action.ts'
import { getServer, updateServer } from './store.ts'

/** Another project's server can be reached by admins only. */
function lockerOf(context: RequestContext, row: ServerRow): 'owner' | 'admin' {
  return context.projectId === row.project_id ? 'owner' : 'admin'
}

/** The owner's lock leaves one that is there as it is; an admin's takes its place. */
export function lockServer(
  compute: Compute,
  context: RequestContext,
  id: string,
  reason: string | undefined,
): Promise<void> {
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    const locker = lockerOf(context, row)
    if (row.locked_by !== null && locker === 'owner') return
    await updateServer(compute, id, { locked_by: locker, locked_reason: reason ?? row.locked_reason })
    await recordAction(compute, context, id, 'lock', 'api_lock')
    await tellOfServer(compute, { name: 'lock', serverId: id, service: 'api' })
  })
}

/** An admin's lock is opened by those whom the policy lets override it. */
export function unlockServer(
  compute: Compute,
  { context, require }: Pick<Call, 'context' | 'require'>,
  id: string,
): Promise<void> {
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    if (row.locked_by !== null && row.locked_by !== lockerOf(context, row))
      require('os-lock-server:unlock:unlock_override', { projectId: row.project_id })
    await updateServer(compute, id, { locked_by: null, locked_reason: null })
    await recordAction(compute, context, id, 'unlock', 'api_unlock')
    await tellOfServer(compute, { name: 'unlock', serverId: id, service: 'api' })
  })
}
