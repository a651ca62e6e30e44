// DELETE /servers/{id} and forceDelete: from every state, in front of whatever runs.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { startAction } from './instance-action.ts'
import { begin, refusal } from './lifecycle.ts'
import type { ServerId } from './server-id.ts'
import type { VmState } from './state.ts'
import { getServer } from './store.ts'
import { deleteServerTask, softDeleteServerTask } from './tasks.ts'

/** States from which a server can be brought back as it was: by starting its guest. */
const KEEPABLE: readonly VmState[] = ['active', 'stopped', 'paused', 'suspended', 'error']

/** With `reclaim_instance_interval` a server that has run is only put away. One that goes already is left to that. */
export async function deleteServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  await compute.store.transaction(async () => {
    const row = await getServer(compute, context, id)
    if (compute.options.reclaim_instance_interval <= 0) return removeServer(compute, context, row, 'delete')
    if (row.vm_state === 'soft-delete') return refuseIfLocked(row, context)
    if (canBeKept(row)) await putAway(compute, context, row)
    else await removeServer(compute, context, row, 'delete')
  })
}

/** Also one that was only put away, at once. */
export async function forceDeleteServer(compute: Compute, context: RequestContext, id: string): Promise<void> {
  await compute.store.transaction(async () => {
    await removeServer(compute, context, await getServer(compute, context, id), 'forceDelete')
  })
}

function canBeKept({ host, launched_at: launchedAt, vm_state: state }: ServerRow): boolean {
  return host !== null && launchedAt !== null && KEEPABLE.includes(state as VmState)
}

async function removeServer(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  action: 'delete' | 'forceDelete',
): Promise<void> {
  if (await isUnderWay(compute, row, deleteServerTask.name)) return
  await begin(compute, context, row, action)
  await startAction(compute, context, row.id, 'delete')
  await compute.tasks.enqueue(deleteServerTask, { input: { serverId: row.id as ServerId }, context, preempts: true })
}

async function putAway(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  if (await isUnderWay(compute, row, deleteServerTask.name, softDeleteServerTask.name)) return
  await begin(compute, context, row, 'softDelete')
  await startAction(compute, context, row.id, 'delete')
  const input = { serverId: row.id as ServerId }
  await compute.tasks.enqueue(softDeleteServerTask, { input, context, preempts: true })
}

function refuseIfLocked(row: ServerRow, context: RequestContext): void {
  const refused = refusal(row, 'softDelete', context)
  if (refused) throw refused
}

async function isUnderWay(compute: Compute, row: ServerRow, ...names: string[]): Promise<boolean> {
  if (row.task_state !== 'deleting' && row.task_state !== 'soft-deleting') return false
  const live = await compute.tasks.list({ live: true, resource: { type: 'server', id: row.id } })
  return live.some(({ name, state, cancelled }) => names.includes(name) && state !== 'stuck' && cancelled === null)
}
