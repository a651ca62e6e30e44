// Every vm_state × power state, spelled out: what is recorded and what is done.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'
import { TASK_STATES, VM_STATES } from '../servers/state.ts'
import { decide } from './power-sync-decision.ts'

const { NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED } = POWER
const POWERS: PowerState[] = [NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED]

/** In the order of POWERS; `-` is nothing. */
// biome-ignore format: a table
const TABLE: Record<(typeof VM_STATES)[number], string[]> = {
  //                   missing  running      paused       shutdown     crashed      suspended
  active:            ['warn', '-',         'warn',      'stop',      'stop',      'stop'],
  building:          ['-',    '-',         '-',         '-',         '-',         '-'],
  paused:            ['-',    '-',         '-',         'forceStop', 'forceStop', '-'],
  suspended:         ['-',    '-',         '-',         '-',         '-',         '-'],
  stopped:           ['-',    'forceStop', 'forceStop', '-',         '-',         'forceStop'],
  rescued:           ['-',    '-',         '-',         '-',         '-',         '-'],
  resized:           ['-',    '-',         '-',         '-',         '-',         '-'],
  'soft-delete':     ['-',    'warn',      'warn',      '-',         'warn',      'warn'],
  deleted:           ['-',    'warn',      'warn',      '-',         'warn',      'warn'],
  error:             ['-',    '-',         '-',         '-',         '-',         '-'],
  shelved:           ['-',    '-',         '-',         '-',         '-',         '-'],
  shelved_offloaded: ['-',    '-',         '-',         '-',         '-',         '-'],
}

const CASES = VM_STATES.flatMap((vmState) =>
  POWERS.flatMap((power, column) =>
    POWERS.map((recorded) => {
      const act = TABLE[vmState][column]!.replace('-', 'nothing')
      const save = power === recorded ? {} : { save: power }
      return { vmState, power, recorded, act, save }
    }),
  ),
)

describe('what follows from a power state', () => {
  it('is the table’s, whatever is recorded; stops and what is missing are asked about again', () => {
    for (const { vmState, power, recorded, act, save } of CASES) {
      const sample = { vmState, taskState: null, recorded, seen: power }
      const what = `${vmState}, recorded ${recorded}, seen ${power}`
      const isGrave = act === 'stop' || act === 'forceStop' || (power === NOSTATE && recorded !== NOSTATE)
      assert.deepEqual(decide(sample), isGrave ? { act: 'requery' } : { ...save, act }, what)
      assert.deepEqual(decide({ ...sample, requeried: power }), { ...save, act }, `${what} twice`)
    }
  })

  it('is what the host says last', () => {
    for (const { vmState, power, recorded, act, save } of CASES) {
      for (const seen of POWERS) {
        if (power === NOSTATE && seen !== NOSTATE) continue
        const sample = { vmState, taskState: null, recorded, seen, requeried: power }
        assert.deepEqual(decide(sample), { ...save, act }, JSON.stringify(sample))
      }
    }
  })

  it('is nothing when only the second answer has no such guest', () => {
    for (const vmState of VM_STATES) {
      for (const seen of POWERS.slice(1)) {
        const sample = { vmState, taskState: null, recorded: RUNNING, seen, requeried: NOSTATE }
        assert.deepEqual(decide(sample), { act: 'nothing' }, JSON.stringify(sample))
      }
    }
  })

  it('is the end of a server that goes with its guest, unless that is only suspended', () => {
    for (const { vmState, power, recorded, act, save } of CASES) {
      const ends = vmState === 'active' && (power === SHUTDOWN || power === CRASHED)
      const sample = { vmState, taskState: null, recorded, seen: power, requeried: power, terminates: true }
      assert.deepEqual(decide(sample), { ...save, act: ends ? 'delete' : act }, `${vmState}, seen ${power}`)
    }
    const first = { vmState: 'active', taskState: null, recorded: RUNNING, seen: SHUTDOWN, terminates: true }
    assert.deepEqual(decide(first), { act: 'requery' })
  })

  it('is nothing at all while a task works on the server', () => {
    for (const taskState of TASK_STATES) {
      for (const { vmState, power, recorded } of CASES) {
        for (const requeried of [undefined, power]) {
          const sample = {
            vmState,
            taskState,
            recorded,
            seen: power,
            ...(requeried === undefined ? {} : { requeried }),
          }
          assert.deepEqual(decide(sample), { act: 'nothing' }, JSON.stringify(sample))
        }
      }
    }
  })
})
