// Servers that stay in a passing state, and tasks that outlive their deadline.
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

/** Milliseconds after its deadline in which a task must have begun to be undone. */
const GRACE = 60_000

/** `now` by the store's clock. */
export function lookAtOperations({ servers, tasks }: AuditedRecords, now: number): Looked {
  const operated = new Set(tasks.flatMap(({ resource }) => (resource?.type === 'server' ? [resource.id] : [])))
  const abandoned = [...servers.values()].filter(
    ({ id, vmState, taskState }) => (vmState === 'building' || taskState !== null) && !operated.has(id),
  )
  const late = tasks.filter(({ state, deadlineAt }) => state === 'running' && now > deadlineAt + GRACE)
  const findings: Finding[] = [
    ...abandoned.map(({ id, name, vmState, taskState }) => ({
      kind: 'server',
      id,
      why: `${name} is ${taskState ?? vmState} and no task works on it`,
    })),
    ...late.map(({ id, name, deadlineAt }) => ({
      kind: 'task',
      id,
      why: `${name} should have ended by ${new Date(deadlineAt).toISOString()}`,
    })),
  ]
  return { checked: { server: servers.size, task: tasks.length }, findings }
}
