// Makes a server group.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { nextNumber } from '../compute.ts'
import { fault } from '../faults.ts'
import { tellOfServerGroup } from '../notifications/server-group-notice.ts'
import { quotaOf } from '../quota-limits.ts'
import type { ServerGroupRow } from '../schema/tables.ts'
import type { NewServerGroup } from './schema.ts'
import { countServerGroups, insertServerGroup } from './store.ts'

/** Throws TooManyServerGroups. */
export function createServerGroup(
  compute: Compute,
  context: RequestContext,
  asked: NewServerGroup,
): Promise<ServerGroupRow> {
  const policy = asked.policy ?? asked.policies![0]!
  if (asked.rules && Object.keys(asked.rules).length > 0 && policy !== 'anti-affinity') {
    throw fault('BadRequest', { message: 'Only anti-affinity policy supports rules.' })
  }
  const most = asked.rules?.max_server_per_host
  const projectId = context.projectId ?? ''
  return compute.store.transaction(async () => {
    await compute.store.lock(`quota:${projectId}`)
    const { server_groups: allowed } = await quotaOf(compute, projectId)
    if (allowed >= 0 && (await countServerGroups(compute, projectId)) >= allowed) throw fault('TooManyServerGroups', {})
    const row: ServerGroupRow = {
      id: compute.random.uuid(),
      number: await nextNumber(compute, 'server-group'),
      project_id: projectId,
      user_id: context.userId ?? '',
      name: asked.name,
      policy,
      max_server_per_host: most === undefined ? null : Number(most),
      created_at: compute.clock.now(),
    }
    await insertServerGroup(compute, row)
    await tellOfServerGroup(compute, 'create', row, [])
    return row
  })
}
