import assert from 'node:assert/strict'
import { it } from 'node:test'
import { elevated, makeContext } from '@kilonova/base/context'
import type { ServerRow } from '../schema/tables.ts'
import type { ActionName } from './actions.ts'
import { actions } from './actions.ts'
import { refusal } from './lifecycle.ts'
import { TASK_STATES, VM_STATES } from './state.ts'

/** Nova's rules, written down a second time: states, whether a task may run, it must have run, locks, needs a host. */
type Rule = [states: string, task: 'none' | 'any' | 'reboot', launched: boolean, lock: boolean, host: boolean]

const REBOOT = [
  ...['None', 'rebooting', 'reboot_pending', 'reboot_started', 'resuming', 'rebooting_hard'],
  ...['unpausing', 'pausing', 'suspending'],
]
const FOUR = 'active stopped paused suspended'

// biome-ignore format: a table
const RULES: Record<ActionName, Rule> = {
  start:           ['stopped', 'none', true, true, true],
  stop:            ['active error', 'none', true, true, true],
  forceStop:       ['stopped paused', 'none', true, true, true],
  resumeState:     ['active rescued resized', 'none', true, true, true],
  rebootSoft:      ['active', 'none', true, true, true],
  rebootHard:      ['active stopped paused suspended error', 'reboot', true, true, true],
  pause:           ['active', 'none', true, true, true],
  unpause:         ['paused', 'none', true, true, true],
  suspend:         ['active', 'none', true, true, true],
  resume:          ['suspended', 'none', true, true, true],
  rescue:          ['active stopped error', 'none', true, true, true],
  unrescue:        ['rescued', 'none', true, true, true],
  rebuild:         ['active stopped error', 'none', true, true, true],
  resize:          ['active stopped', 'none', true, true, true],
  migrate:         ['active stopped', 'none', true, true, true],
  evacuate:        ['active stopped error', 'any', true, false, true],
  confirmResize:   ['resized', 'none', true, true, true],
  confirmLeft:     ['active stopped paused suspended error', 'none', true, true, false],
  revertResize:    ['resized', 'none', true, true, true],
  shelve:          [FOUR, 'none', true, true, true],
  shelveOffload:   ['shelved', 'none', true, true, false],
  unshelve:        ['shelved shelved_offloaded', 'none', true, true, false],
  createImage:     [FOUR, 'none', true, false, true],
  createBackup:    [FOUR, 'none', true, false, true],
  changePassword:  ['active', 'none', true, true, true],
  crashDump:       ['active paused rescued resized error', 'none', true, true, true],
  attachInterface: ['active paused stopped', 'none', true, true, true],
  detachInterface: ['active paused stopped', 'none', true, true, true],
  addSecurityGroup:    ['any', 'any', false, false, false],
  removeSecurityGroup: ['any', 'any', false, false, false],
  delete:          ['any', 'any', false, true, false],
  softDelete:      ['any', 'any', true, true, false],
  forceDelete:     ['any', 'any', false, true, false],
  restore:         ['soft-delete', 'none', true, true, false],
}

const ID = '00000000-0000-4000-8000-000000000000'
const member = makeContext({ projectId: 'p', roles: ['member'] })
const admin = elevated(member)

interface Cell {
  name: ActionName
  vm: string
  task: string | null
  launched: boolean
  locked: boolean
  host: boolean
}

/** The sentence of the refusal, if there is one. */
function expected({ name, vm, task, launched, locked, host }: Cell): string | undefined {
  const [states, tasks, mustHaveRun, lock, needsHost] = RULES[name]
  const cannot = (what: string, state: string) =>
    `Cannot '${actions[name].name}' instance ${ID} while it is in ${what} ${state}`
  if (locked && lock) return `Instance ${ID} is locked`
  if (needsHost && !host) return `Instance ${ID} is not ready`
  if (states !== 'any' && !states.split(' ').includes(vm)) return cannot('vm_state', vm)
  if (tasks === 'none' && task !== null) return cannot('task_state', task)
  if (tasks === 'reboot' && !REBOOT.includes(task ?? 'None')) return cannot('task_state', String(task))
  return mustHaveRun && !launched ? cannot('launched_at', 'None') : undefined
}

function* cells(): Generator<Cell> {
  const yesNo = [true, false]
  for (const name of Object.keys(RULES) as ActionName[])
    for (const vm of VM_STATES)
      for (const task of [null, ...TASK_STATES])
        for (const launched of yesNo)
          for (const locked of yesNo) for (const host of yesNo) yield { name, vm, task, launched, locked, host }
}

it('lets each action begin in just the states that Nova does, and words each refusal so', () => {
  assert.deepEqual(Object.keys(RULES).sort(), Object.keys(actions).sort())
  let count = 0
  for (const cell of cells()) {
    const { name, vm, task, launched, locked, host } = cell
    const row = { id: ID, vm_state: vm, task_state: task, launched_at: launched ? 1 : null } as ServerRow
    const full = { ...row, locked_by: locked ? 'owner' : null, host: host ? 'one' : null } as ServerRow
    assert.equal(refusal(full, name, member)?.message, expected(cell), JSON.stringify(cell))
    assert.equal(refusal(full, name, admin)?.message, expected({ ...cell, locked: false }), JSON.stringify(cell))
    count += 2
  }
  assert.equal(count, Object.keys(RULES).length * VM_STATES.length * (TASK_STATES.length + 1) * 16)
})
