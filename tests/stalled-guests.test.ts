// Guests that stand still because their host had no room for what they wrote: their users are told why, and they go on.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { POWER } from '@kilonova/compute/agent/power-state'
import { explainServer } from '@kilonova/compute/explain/explain-server'
import { ServerWorld } from './server-world.ts'
import type { WorldHost } from './world-host.ts'

describe('trust-D9: a guest whose host had no room for what it wrote', () => {
  let world: ServerWorld
  let id: string
  let host: WorldHost
  before(async () => {
    world = await ServerWorld.open()
    await world.startTasks()
  })
  after(() => world?.close())
  beforeEach(async () => {
    id = await world.build()
    host = await world.hostOf(id)
    host.storage.isFull = true
    host.hypervisor.incident(id, 'stall')
  })

  const look = () => world.run(host.runNow('resume_stalled_guests'))
  const power = () => world.run(host.hypervisor.powerState(id))
  const explained = () => world.run(explainServer(world.compute, id))
  const acted = async (action: string): Promise<void> => {
    await world.commands.act(id, action)
    await world.run(world.settled(id))
  }

  it('stands still as long as that is so, says why, and goes on when there is room', async () => {
    await look()
    assert.equal(await power(), POWER.PAUSED)
    const told = await explained()
    assert.equal(told.stalled, 'vda')
    assert.match(told.advice.join('\n'), /no room for what it writes to vda\..*\nMake room there/)
    host.storage.isFull = false
    await look()
    assert.equal(await power(), POWER.RUNNING)
    const { stalled, advice } = await explained()
    assert.deepEqual([stalled, advice], [null, ['Nothing: all is well with it.']])
  })

  it('stays paused when its user has paused it since, until it is unpaused', async () => {
    await acted('pause')
    host.storage.isFull = false
    await look()
    assert.equal(await power(), POWER.PAUSED)
    assert.equal((await world.row(id)).vm_state, 'paused')
    await acted('unpause')
    assert.equal(await power(), POWER.RUNNING)
  })

  it('can be deleted while it stands still', async () => {
    await world.commands.delete(id)
    await world.run(world.settled(id))
    assert.equal(await power(), POWER.NOSTATE)
    await look()
  })

  it('is explained without that when its host does not answer', async () => {
    await host.stop()
    assert.equal((await explained()).stalled, null)
    await world.run(host.start())
  })
})
