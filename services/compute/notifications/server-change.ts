// What is told when a server's row changes: an event for the stream, and compute.instance.update as the options say.
import { adminContext, currentContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { EventRow, ServerRow } from '../schema/tables.ts'
import { currentPeriod } from './audit-period.ts'
import type { Publisher } from './outbox.ts'
import { tell } from './outbox.ts'
import { serverFacts } from './server-facts.ts'
import type { StateUpdate } from './server-payload.ts'
import { serverUpdatePayload } from './server-payload.ts'
import { unversionedUpdate } from './unversioned-server.ts'

/** What a change needs of the row as it was; null: there was none. */
export type Before = Pick<ServerRow, 'vm_state' | 'task_state'> & { display_name?: string }

/** The columns that a change must answer of the row as it is now. */
export const TOLD = ['id', 'project_id', 'display_name', 'vm_state', 'task_state', 'power_state'] as const
type Now = Pick<ServerRow, (typeof TOLD)[number]>

export interface ServerChange {
  columns: readonly string[]
  before: Before | null
  now: Now
}

/** Changes of these are events; the rest is the cloud's own bookkeeping. Named as in the API. */
const SHOWN: Readonly<Record<string, string>> = {
  vm_state: 'vm_state',
  task_state: 'task_state',
  power_state: 'power_state',
  display_name: 'name',
  description: 'description',
  hostname: 'hostname',
  metadata_json: 'metadata',
  tags_json: 'tags',
  locked_by: 'locked',
  access_ip_v4: 'accessIPv4',
  access_ip_v6: 'accessIPv6',
  host: 'host',
  network_info_json: 'addresses',
  flavor_id: 'flavor',
  image_id: 'image',
}

/** Inside the transaction of the change, after it. */
export async function tellOfChange(compute: Compute, change: ServerChange): Promise<void> {
  await writeEvent(compute, change)
  if (compute.notifications.on) await sendUpdates(compute, change)
}

async function writeEvent({ store, clock, notifications, ...rest }: Compute, change: ServerChange): Promise<void> {
  const { columns, before, now } = change
  const changed = columns.flatMap((column) => SHOWN[column] ?? [])
  if (changed.length === 0) return
  const data = {
    old_state: before?.vm_state ?? null,
    state: now.vm_state,
    old_task_state: before?.task_state ?? null,
    task_state: now.task_state,
    power_state: now.power_state,
    changed: before === null ? [] : changed,
    request_id: currentContext()?.requestId ?? null,
  }
  await tables({ store, ...rest })
    .insertInto('compute_events')
    .values({
      event: eventOf(before, now),
      project_id: now.project_id,
      server_id: now.id,
      data_json: JSON.stringify(data),
      created_at: clock.now(),
    })
    .execute()
  store.afterCommit(() => notifications.events.ring())
}

function eventOf(before: Before | null, { vm_state: state }: Now): EventRow['event'] {
  if (before === null) return 'server.create'
  return state === 'deleted' ? 'server.delete' : 'server.update'
}

async function sendUpdates(compute: Compute, change: ServerChange): Promise<void> {
  const tagged = change.columns.includes('tags_json') && change.before !== null
  if (!tagged && compute.notifications.options.notify_on_state_change === '') return
  const facts = await serverFacts(compute, change.now.id)
  if (!facts) return
  const { host } = compute.notifications
  const publisher: Publisher = tagged
    ? { service: 'api', host }
    : { service: change.before === null ? 'conductor' : 'compute', host: facts.row.host ?? host }
  const period = currentPeriod(compute.options.instance_usage_audit_period, compute.clock.now())
  for (const states of walk(compute, change)) {
    const update = { states, period, oldDisplayName: renamedFrom(change) }
    await tell(compute, {
      publisher,
      unversioned: { eventType: 'compute.instance.update', payload: unversionedUpdate(facts, update) },
      versioned: {
        eventType: 'instance.update',
        payload: serverUpdatePayload(facts, currentContext() ?? adminContext(), update),
      },
    })
  }
}

function renamedFrom({ before, now }: ServerChange): string | null {
  const { display_name: old } = before ?? {}
  return old === undefined || old === now.display_name ? null : old
}

/**
 * The old and new states to tell. A change that is not asked for is told all the same, as one that left the states as
 * they are: so Nova does it.
 */
function walk({ notifications }: Compute, { before, now }: ServerChange): StateUpdate[] {
  const { vm_state: state, task_state: task } = now
  const plain = { oldState: state, state, oldTaskState: task, newTaskState: task }
  if (before === null) return [{ oldState: null, state, oldTaskState: null, newTaskState: null }]
  const told = before.vm_state !== state || notifications.options.notify_on_state_change === 'vm_and_task_state'
  if (!told) return [plain]
  const change = { oldState: before.vm_state, state, oldTaskState: before.task_state, newTaskState: task }
  // Nova's compute forgets the task state when it takes the server over from the conductor.
  const handedOver = state === 'building' && before.task_state === 'scheduling' && task === 'networking'
  if (!handedOver) return [change]
  return [
    { ...change, newTaskState: null },
    { ...change, oldTaskState: null },
  ]
}
