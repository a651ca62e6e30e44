// Why a server is in the state it is in: its row, its host, its newest operation step by step, and what to do.
import { isFault } from '@kilonova/base/fault'
import type { TaskError } from '@kilonova/tasks/saga'
import type { Task, TaskLogEntry } from '@kilonova/tasks/task'
import type { ComputeAgent } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { NotPlaced } from '../faults.ts'
import type { ServerFaultRow, ServerRow } from '../schema/tables.ts'
import { statusOf } from '../servers/state.ts'
import { newestFaults } from '../servers/store.ts'
import { isUp } from '../services/liveness.ts'
import { adviceOf } from './advice.ts'
import type {
  ExplainedError,
  ExplainedHost,
  ExplainedOperation,
  ExplainedServer,
  ExplainedStep,
  Explanation,
} from './explanation.ts'
import { serverMeant } from './find-server.ts'

/** Milliseconds: an explanation without it is better than none. */
const ASKING = { timeout: 5_000 }

const iso = (at: number): string => new Date(at).toISOString()
const isoOrNull = (at: number | null): string | null => (at === null ? null : iso(at))

/** Throws ServerUnknown, ServerAmbiguous. */
export async function explainServer(compute: Compute, idOrName: string): Promise<Explanation> {
  const row = await serverMeant(compute, idOrName)
  const [task] = await compute.tasks.list({ resource: { type: 'server', id: row.id }, limit: 1 })
  const log = task ? await compute.tasks.log(task.id) : []
  const fault = (await newestFaults(compute, [row.id])).get(row.id)
  const host = row.host === null ? null : await hostFacts(compute, row.host)
  const facts = {
    server: serverFacts(row, task),
    host,
    stalled: row.deleted_at === null && host?.up ? await stalledDisk(compute, row.id, host.name) : null,
    operation: task ? operationFacts(task, log, compute.clock.now()) : null,
    fault: fault ? faultFacts(fault) : null,
    ...placementFacts(task),
  }
  return { ...facts, advice: adviceOf(facts) }
}

function serverFacts(row: ServerRow, task: Task | undefined): ExplainedServer {
  const began = task && task.endedAt === null ? (task.startedAt ?? task.createdAt) : task?.endedAt
  return {
    id: row.id,
    name: row.display_name,
    project_id: row.project_id,
    project_name: row.project_name,
    status: row.deleted_at === null ? statusOf(row.vm_state, row.task_state) : 'DELETED',
    vm_state: row.vm_state,
    task_state: row.task_state,
    since: iso(row.deleted_at ?? began ?? row.launched_at ?? row.created_at),
    created_at: iso(row.created_at),
    deleted_at: isoOrNull(row.deleted_at),
    locked: row.locked_by !== null,
  }
}

async function hostFacts(compute: Compute, host: string): Promise<ExplainedHost> {
  const service = await tables(compute)
    .selectFrom('compute_services')
    .select(['last_seen_at', 'forced_down', 'disabled', 'disabled_reason'])
    .where('host', '=', host)
    .where('binary', '=', 'nova-compute')
    .executeTakeFirst()
  return {
    name: host,
    up: service !== undefined && isUp(compute, service),
    last_seen_at: isoOrNull(service?.last_seen_at ?? null),
    disabled_reason: service?.disabled ? (service.disabled_reason ?? 'no reason given') : null,
  }
}

/** The host is asked: what stands still now is nowhere recorded. */
async function stalledDisk({ bus }: Compute, id: string, host: string): Promise<string | null> {
  try {
    const stalled = await bus.remote<ComputeAgent>(computeTopic(host)).stalledGuests!(null as never, ASKING)
    return stalled.find((guest) => guest.id === id)?.disk ?? null
  } catch (error) {
    if (isFault(error)) return null
    throw error
  }
}

function operationFacts(task: Task, log: TaskLogEntry[], now: number): ExplainedOperation {
  return {
    id: task.id,
    name: task.name,
    request_id: task.requestId,
    state: task.state,
    direction: task.direction,
    attempt: task.attempt,
    asked_at: iso(task.createdAt),
    started_at: isoOrNull(task.startedAt),
    ended_at: isoOrNull(task.endedAt),
    deadline_at: iso(task.deadlineAt),
    step: task.step,
    reason: task.reason,
    cancelled: task.cancelled,
    owner: task.owner,
    error: errorFacts(task.error),
    steps: log.map((entry) => stepFacts(entry, now)),
  }
}

function stepFacts({ endedAt, startedAt, error, ...entry }: TaskLogEntry, now: number): ExplainedStep {
  const { step, direction, attempt, outcome, tries } = entry
  const seconds = Math.max(0, (endedAt ?? now) - startedAt) / 1000
  return { step, direction, attempt, started_at: iso(startedAt), outcome, seconds, tries, error: errorFacts(error) }
}

function errorFacts(error: TaskError | null): ExplainedError | null {
  return error && { code: error.code ?? null, message: error.message, mend: error.mend ?? null }
}

function faultFacts({ code, message, details, created_at: at }: ServerFaultRow): Explanation['fault'] {
  return { code, message, details, at: iso(at) }
}

function placementFacts(task: Task | undefined): Pick<Explanation, 'placement' | 'lack'> {
  if (task?.error?.code !== 'NoValidHost') return { placement: null, lack: null }
  const { removed, lack = null } = task.error.details as Pick<NotPlaced, 'removed'> & Partial<NotPlaced>
  return { placement: removed, lack }
}
