// The page on the states of servers, from the table of their actions.
import type { Action } from '@kilonova/compute/servers/actions'
import type { VmState } from '@kilonova/compute/servers/state'
import { statusOf, VM_STATES } from '@kilonova/compute/servers/state'

const HEAD = `# What may be done with a server, and when

Generated from \`services/compute/servers/actions.ts\` by \`tools/generate-server-states.ts\`.

A server is in one state (\`vm_state\`; in brackets the status that users see). What is being done to it is its \`task_state\`: while there is one, most actions are refused with 409, and the sentence names it. \`delete\` takes the place of whatever runs.
`

export function serverStatesPage(actions: Record<string, Action>): string {
  const all = Object.values(actions)
  return [HEAD, diagram(all), '## Every action', '', table(actions), ''].join('\n')
}

/** Identifiers of diagrams have neither blanks nor hyphens. */
const idOf = (state: VmState): string => state.replaceAll('-', '_')

function diagram(actions: readonly Action[]): string {
  const names = VM_STATES.map((state) => `  ${idOf(state)}: ${state} (${statusOf(state, null)})`)
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...names,
    '  [*] --> building: create',
    '  building --> active',
    '  building --> error',
    ...new Set(actions.flatMap(arrows)),
    '```',
    '',
  ].join('\n')
}

function arrows({ name, from, becomes }: Action): string[] {
  if (becomes === null || from === 'any') return []
  return from.flatMap((state) => (state === becomes ? [] : [`  ${idOf(state)} --> ${idOf(becomes)}: ${name}`]))
}

function table(actions: Record<string, Action>): string {
  const rows = Object.entries(actions).map(([key, action]) => [
    key === action.name ? `\`${key}\`` : `\`${action.name}\` (${key})`,
    action.from === 'any' ? 'any' : action.from.join(', '),
    tasks(action),
    action.launched ? 'yes' : '',
    action.refusedWhenLocked ? 'yes' : '',
    action.meanwhile === null ? '' : `\`${action.meanwhile}\``,
    action.becomes ?? 'as it was',
  ])
  const head = ['action', 'from', 'while', 'must have run', 'a lock refuses it', 'task_state', 'then']
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function tasks({ task }: Action): string {
  if (task === 'any') return 'anything runs'
  const running = task.filter((state) => state !== null)
  return running.length === 0 ? 'nothing runs' : `nothing runs, or ${running.join(', ')}`
}
