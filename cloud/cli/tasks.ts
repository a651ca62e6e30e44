// `tasks`: durable work in flight; `retry` lets a stuck task go on; `--steps` names every step there is.
import { systemClock } from '@kilonova/base/clock'
import { fault } from '../faults.ts'
import { operatorClient } from '../operator/operator-client.ts'
import type { TaskView } from '../operator/task-view.ts'
import { StateDirectory } from '../state-directory.ts'
import { duration, plain, tableLines } from './table.ts'

interface TasksOptions {
  stateDir: string
  json?: boolean
  stuck?: boolean
  steps?: boolean
}

export async function tasks(verb: string | undefined, id: string | undefined, options: TasksOptions): Promise<void> {
  const { stateDir, json = false, stuck = false, steps = false } = options
  if (steps) return printSteps(json)
  if (verb !== undefined && verb !== 'retry') {
    throw fault('WrongUsage', { why: `tasks has no '${verb}'; the only verb is retry: ./kilonova tasks retry ID` })
  }
  const client = await operatorClient(new StateDirectory(stateDir))
  if (verb === 'retry') {
    if (id === undefined)
      throw fault('WrongUsage', { why: 'tasks retry needs the id of a stuck task: ./kilonova tasks --stuck' })
    const reply = await client.ask<{ task: TaskView }>({
      method: 'POST',
      path: `/kilonova/v1/tasks/${encodeURIComponent(id)}/retry`,
    })
    process.stdout.write(
      json ? `${JSON.stringify(reply.task)}\n` : `${reply.task.name} ${id} goes on where it stuck.\n`,
    )
    return
  }
  const found = await client.ask<{ tasks: TaskView[] }>({
    path: `/kilonova/v1/tasks?live=true${stuck ? '&stuck=true' : ''}`,
  })
  process.stdout.write(json ? `${JSON.stringify(found.tasks)}\n` : inWords(found.tasks, stuck, systemClock.now()))
}

async function printSteps(json: boolean): Promise<void> {
  const { allStepNames } = await import('../operator/steps.ts')
  const steps = allStepNames()
  process.stdout.write(json ? `${JSON.stringify(steps)}\n` : `${steps.join('\n')}\n`)
}

/** The table, newest first. */
export function inWords(found: readonly TaskView[], stuck: boolean, now: number): string {
  if (found.length === 0) return stuck ? 'No task is stuck.\n' : 'Nothing is in flight.\n'
  const rows = found.map((task) => [
    task.id,
    task.name,
    task.resource ? `${task.resource.type} ${task.resource.id}` : '-',
    `${duration((now - Date.parse(task.created_at)) / 1000)} ago`,
    `${task.step ?? '-'}${task.direction === 'undo' ? ' (undo)' : ''}`,
    stateOf(task),
    task.owner ?? '-',
  ])
  const stuckOnes = found.filter(({ state }) => state === 'stuck')
  const hint =
    stuckOnes.length > 0
      ? ['', `Mend what a stuck one says, then: ./kilonova tasks retry ${plain(stuckOnes[0]!.id)}`]
      : []
  return `${[...tableLines([['ID', 'TASK', 'RESOURCE', 'SINCE', 'STEP', 'STATE', 'HOLDER'], ...rows]), ...hint].join('\n')}\n`
}

function stateOf({ state, attempt, tries, reason, cancelled, error }: TaskView): string {
  const again = [...(attempt > 1 ? [`attempt ${attempt}`] : []), ...(tries > 0 ? [`failed ${tries} times`] : [])]
  const why = reason ?? cancelled ?? error?.message
  return [[state, ...again].join(', '), ...(why ? [why] : [])].join(': ')
}
