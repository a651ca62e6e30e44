// SIGTERM to a process with work under way: what has begun may end in time, what has not is done by the next process.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { until } from '@kilonova/cloud/api-client'
import { POWER } from '@kilonova/compute/agent/power-state'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { act, active, createServer, settled, showServer, thingsOf } from './servers.ts'

/** Guests take so long to obey their power button that the cloud has ended before, where it does not wait for them. */
const config = (timeout: number): string =>
  `[compute]\ngraceful_shutdown_timeout = ${timeout}\n[fake]\nshutdown_time = ${timeout > 0 ? 8000 : 20_000}\n`

/** As the fake host has noted it. */
async function powerStateOf({ state }: RealCloud, id: string): Promise<number | undefined> {
  const lines = (await readFile(join(state.path, 'fake', 'fake-1.guests'), 'utf8')).trim().split('\n')
  const notes = lines.map((line) => JSON.parse(line) as [string, { powerState: number }])
  return notes.findLast(([key]) => key === id)?.[1].powerState
}

describe('a cloud that is told to end while a server is being stopped', () => {
  for (const timeout of [60, 0]) {
    describe(`graceful_shutdown_timeout = ${timeout}`, () => {
      let cloud: RealCloud
      let things: Things
      before(async () => {
        cloud = await RealCloud.start({ driver: 'fake', config: config(timeout) })
        things = await thingsOf(cloud.demo)
      })
      after(() => cloud?.remove())

      it(`seed-8.5.11-5: ${timeout ? 'ends after the step under way' : 'leaves it to the next process'}`, async () => {
        const id = await createServer(cloud.demo, things)
        await active(cloud.demo, id)
        await act(cloud.demo, id, { 'os-stop': null })
        const passing = await until(60, async () => {
          const { 'OS-EXT-STS:task_state': task } = await showServer(cloud.demo, id)
          return task === 'powering-off' ? task : undefined
        })
        assert.equal(passing, 'powering-off')
        await systemClock.sleep(500) // the host has been asked
        assert.deepEqual(await cloud.stop(), { code: 0, signal: null })
        assert.equal(await powerStateOf(cloud, id), timeout > 0 ? POWER.SHUTDOWN : POWER.RUNNING)
        await cloud.up()
        await cloud.ready()
        assert.equal((await settled(cloud.demo, id))!.status, 'SHUTOFF')
        const path = `/kilonova/v1/tasks?resource_type=server&resource_id=${id}`
        const { tasks } = await cloud.admin.ask<{ tasks: Record<string, string>[] }>({ path })
        const stop = tasks.find(({ name }) => name === 'server.stop')!
        assert.equal(stop['state'], 'done')
        const { orphans } = await cloud.audit()
        assert.deepEqual(orphans, [])
      })
    })
  }
})
