// The facts about a server as lines for people, from what it is now down to what to do.
import type { ExplainedOperation, ExplainedStep, Explanation } from '@kilonova/compute/explain/explanation'
import { duration, plain, tableLines } from './table.ts'

/** `now` in milliseconds since 1970. */
export function explanationLines(told: Explanation, now: number): string[] {
  const { operation, fault, placement, advice } = told
  const lines = [...nowLines(told, now), '', ...operationLines(operation, now)]
  const failed = operation?.error ?? null
  if (failed) lines.push('', `why: ${plain(failed.message)}`)
  else if (fault && told.server.status === 'ERROR') lines.push('', `why: ${plain(fault.message)}${detailsOf(fault)}`)
  if (told.stalled !== null) lines.push('', `its guest stands still: no room on the host for ${told.stalled}`)
  if (placement) {
    const rows = placement.map(({ filter, hosts, nearest }) => [
      `  ${filter}`,
      `removed ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`,
      nearest === null ? '' : `nearest: ${nearest}`,
    ])
    lines.push('', 'where it could not go:', ...tableLines(rows))
  }
  return [...lines, '', 'what to do:', ...advice.map((sentence) => `  ${plain(sentence)}`)]
}

function nowLines({ server, host }: Explanation, now: number): string[] {
  const ago = (at: string): string => `${duration(Math.max(0, now - Date.parse(at)) / 1000)} ago`
  const lock = server.locked ? ', locked' : ''
  const doing = server.task_state === null ? '' : `, ${server.task_state}`
  const place =
    host === null
      ? 'no host'
      : `${host.name} (${host.up ? 'up' : `down${host.last_seen_at ? `, last seen ${ago(host.last_seen_at)}` : ''}`})`
  return [
    `${plain(server.name)} (${server.id}) is ${server.status} since ${server.since} (${ago(server.since)})`,
    ...tableLines([
      ['  state', `${server.vm_state}${doing}${lock}`],
      ['  host', place],
      ['  project', `${server.project_name} (${server.project_id})`],
      ['  created', server.created_at],
    ]),
  ]
}

const detailsOf = ({ message, details }: NonNullable<Explanation['fault']>): string =>
  details && details !== message ? `\n  ${plain(details)}` : ''

function operationLines(operation: ExplainedOperation | null, now: number): string[] {
  if (operation === null) return ['last operation: none is recorded']
  const { name, request_id: request, steps, started_at: started, ended_at: ended, asked_at: asked } = operation
  const from = Date.parse(started ?? asked)
  const seconds = Math.max(0, (ended === null ? now : Date.parse(ended)) - from) / 1000
  return [
    `last operation: ${name}, asked for at ${asked} by ${plain(request)}`,
    `  ${outcomeOf(operation)} ${ended === null ? 'for' : 'after'} ${duration(seconds)}`,
    ...(operation.cancelled === null ? [] : [`  cancelled: ${plain(operation.cancelled)}`]),
    ...(operation.reason === null || operation.reason === operation.error?.message
      ? []
      : [`  it says: ${plain(operation.reason)}`]),
    ...tableLines(steps.map((step) => stepRow(step, operation.error?.message))),
  ]
}

const OUTCOMES = { waiting: 'waiting', running: 'under way', stuck: 'stuck', done: 'done', undone: 'failed and undone' }

function outcomeOf({ state, direction, owner, attempt }: ExplainedOperation): string {
  const word = state === 'running' && direction === 'undo' ? 'being undone' : OUTCOMES[state]
  const again = attempt > 1 ? ` (attempt ${attempt})` : ''
  return `${word}${again}${owner === null ? '' : `, held by ${plain(owner)},`}`
}

/** What the whole operation failed for is told below it. */
function stepRow(ran: ExplainedStep, whole: string | undefined): string[] {
  const { step, direction, attempt, outcome, seconds, tries, error } = ran
  const name = direction === 'undo' ? `undo ${step}` : step
  const more = [...(attempt > 1 ? [`attempt ${attempt}`] : []), ...(tries > 0 ? [`${tries} failed before`] : [])]
  const said = [...more, ...(error && error.message !== whole ? [error.message] : [])].join(': ')
  return [`  ${name}`, outcome ?? 'runs', duration(seconds), said]
}
