// A task that stands still, or whose process dies, at any place on its way up and down.
import assert from 'node:assert/strict'
import { FAILPOINT_PLACES, Failpoints } from '@kilonova/tasks/failpoints'
import { serverAsks } from './server-asks.ts'
import { assertWhole } from './server-oracle.ts'
import type { ServerWorld } from './server-world.ts'
import { sagas } from './server-world.ts'

/** Failpoints for all of them. */
export function placesOf(task: string): string[] {
  const { steps } = sagas.find(({ name }) => name === task)!
  const last = steps.at(-1)!.name
  const ways = steps.flatMap(({ name, undo }) => [
    `${task}.${name}:`,
    ...(undo ? [`${task}.${last}:effect:error,${task}.${name}.undo:`] : []),
  ])
  return ways.flatMap((at) => FAILPOINT_PLACES.flatMap((place) => [`${at}${place}:hang`, `${at}${place}:crash`]))
}

/** Answers a server whose task stands still there, or has died with its process; what is asked next finds it so. */
export async function interrupted(
  world: ServerWorld,
  task: string,
  failpoint: string,
): Promise<{ id: string; failpoints: Failpoints }> {
  const failpoints = new Failpoints(failpoint, 'throw-away')
  await world.startTasks(failpoints)
  const { ask, after: earlier = [] } = serverAsks[task]!
  const id = await world.build()
  for (const before of earlier) {
    await serverAsks[before]!.ask(world.commands, id)
    await world.run(world.settled(id))
  }
  await ask(world.commands, id)
  while (failpoints.hanging === 0 && !failpoints.crashed) await world.run(world.clock.sleep(100))
  return { id, failpoints }
}

/** Wherever the task stands still or dies, a delete takes its place, and nothing of the server is left. */
export async function deleteAtEveryPlace(world: ServerWorld, task: string): Promise<void> {
  for (const failpoint of placesOf(task)) {
    const { id, failpoints } = await interrupted(world, task, failpoint)
    await world.commands.delete(id)
    if (failpoints.crashed) await world.startTasks()
    await world.run(world.settled(id))
    await world.startTasks() // nothing hangs any more
    assert.deepEqual(failpoints.unfired, [])
    assert.equal((await world.row(id)).vm_state, 'deleted', failpoint)
    await assertWhole(world)
    await world.assertEmpty()
  }
}
