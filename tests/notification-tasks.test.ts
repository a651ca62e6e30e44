// What is told of work whose process dies, or that fails: each start and each end once.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FAILPOINT_PLACES, Failpoints } from '@kilonova/tasks/failpoints'
import { ServerWorld } from './server-world.ts'

const CONFIG = '[notifications]\ndriver = ["messaging"]\nnotification_format = "versioned"\n'

/** Stops a server while the failpoint is set; answers what is told of it. */
async function toldOfStop(failpoint: string): Promise<string[]> {
  const world = await ServerWorld.open({ config: CONFIG })
  try {
    await world.startTasks()
    const id = await world.build()
    const failpoints = new Failpoints(failpoint, 'throw-away')
    await world.startTasks(failpoints)
    const heard: string[] = []
    await world.bus.subscribe('versioned_notifications', ({ eventType }) => heard.push(eventType))
    await world.commands.stop(id)
    const fires = async (): Promise<void> => {
      while (failpoints.fired === 0) await world.clock.sleep(1)
    }
    await world.run(fires())
    await world.startTasks()
    await world.run(world.settled(id))
    await world.run(world.clock.sleep(10_000))
    return heard
  } finally {
    await world.close()
  }
}

describe('notifications of work', () => {
  for (const place of FAILPOINT_PLACES) {
    it(`tell start and end once though the process dies (${place})`, async () => {
      const heard = await toldOfStop(`server.stop.guest:${place}:crash`)
      assert.deepEqual(heard, ['instance.power_off.start', 'instance.power_off.end'])
    })
  }

  it('tell in place of the end that it failed', async () => {
    const heard = await toldOfStop('server.stop.guest:before:error')
    assert.deepEqual(heard, ['instance.power_off.start', 'compute.exception'])
  })
})
