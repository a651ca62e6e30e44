// Hooks at every step of a build: whether they refuse, or the process dies beside them, servers end whole.
import assert from 'node:assert/strict'
import { afterEach, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { faultsOf } from '@kilonova/base/fault'
import { conductorSagas } from '@kilonova/compute/conductor/sagas'
import type { ActivePlugin, TaskHook } from '@kilonova/compute/plugin'
import { FAILPOINT_PLACES, Failpoints } from '@kilonova/tasks/failpoints'
import { assertWhole } from '../server-oracle.ts'
import { ServerWorld } from '../server-world.ts'

const TASK = 'server.build'
const STEPS = conductorSagas.find(({ name }) => name === TASK)!.steps.map(({ name }) => name)
const SIDES = ['before', 'after'] as const

const fault = faultsOf({
  Refused: { status: 400, kind: 'badRequest', say: ({ where }: { where: string }) => `not ${where}` },
})

/** Which hook refuses now, as `before host`. */
let refusing: string | undefined
let ran: string[] = []

const hooks = STEPS.map((step): TaskHook => {
  const hook = (side: string) => (): void => {
    const where = `${side} ${step}`
    ran.push(where)
    if (where === refusing) throw fault('Refused', { where })
  }
  return { task: TASK, step, before: hook('before'), after: hook('after') }
})
const plugins: ActivePlugin[] = [{ name: 'hooks', hooks }]

const IN_ORDER = STEPS.flatMap((step) => SIDES.map((side) => `${side} ${step}`))

let world: ServerWorld | undefined
afterEach(() => world?.close())

async function openWorld(): Promise<ServerWorld> {
  refusing = undefined
  ran = []
  world = await ServerWorld.open({ plugins })
  await world.startTasks()
  return world
}

async function emptied(world: ServerWorld, id: string): Promise<void> {
  await world.commands.delete(id)
  await world.run(world.settled(id))
  await assertWhole(world)
  await world.assertEmpty()
}

it('hooks run in the order of their steps, once where nothing fails', async () => {
  const world = await openWorld()
  const id = await world.build()
  assert.equal((await world.row(id)).vm_state, 'active')
  const again = ran.filter((where) => where !== 'before plugged') // runs each time that the ports are looked at
  assert.deepEqual(
    again,
    IN_ORDER.filter((where) => where !== 'before plugged'),
  )
})

it('a hook that refuses at any step undoes all, and the server says why', async () => {
  const world = await openWorld()
  for (const where of IN_ORDER) {
    refusing = where
    const id = await world.build()
    assert.equal((await world.row(id)).vm_state, 'error', where)
    assert.equal((await world.fault(id)).message, `not ${where}`)
    await assertWhole(world)
    refusing = undefined
    await emptied(world, id)
  }
})

it('hooks run again when the process died at their step, and no other', async () => {
  const world = await openWorld()
  for (const step of STEPS) {
    for (const place of FAILPOINT_PLACES) {
      ran = []
      const failpoints = new Failpoints(`${TASK}.${step}:${place}:crash`, 'throw-away')
      await world.startTasks(failpoints)
      const id = await world.commands.create()
      while (!failpoints.crashed) await nextTurn()
      await world.startTasks()
      await world.run(world.settled(id))
      assert.equal((await world.row(id)).vm_state, 'active', `${step} ${place}`)
      const count = (where: string): number => ran.filter((one) => one === where).length
      for (const other of STEPS.filter((one) => one !== step && one !== 'plugged'))
        assert.equal(count(`after ${other}`), 1, `after ${other}, when it died ${place} ${step}`)
      assert.equal(count(`after ${step}`), place === 'effect' ? 2 : 1, `after ${step}, when it died at its ${place}`)
      await emptied(world, id)
    }
  }
})
