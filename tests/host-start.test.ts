// A host's agent that starts again, after its process ended or after the machine booted.
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ConductorMethods } from '@kilonova/compute/agent/conductor-protocol'
import { CONDUCTOR_TOPIC } from '@kilonova/compute/agent/conductor-protocol'
import { POWER } from '@kilonova/compute/agent/power-state'
import { tables } from '@kilonova/compute/compute'
import { Failpoints } from '@kilonova/tasks/failpoints'
import { createServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'
import type { WorldHost } from './world-host.ts'

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

const ONE_HOST = [{ name: 'fake-1', vcpus: 64, memoryMb: 65_536 }]
const RESUMES = '[compute]\nresume_guests_state_on_host_boot = true\n'

async function openWorld(config = ''): Promise<{ world: ServerWorld; host: WorldHost }> {
  const world = await ServerWorld.open({ config, hosts: ONE_HOST, powerSync: true })
  worlds.push(world)
  await world.startTasks()
  return { world, host: world.hosts[0]! }
}

async function done(world: ServerWorld, id: string, ask: Promise<void>): Promise<void> {
  await ask
  await world.run(world.settled(id))
}

/** What begins without being waited for has ended, too. */
async function quiet(world: ServerWorld, ids: readonly string[]): Promise<void> {
  await world.run(world.clock.sleep(60_000))
  for (const id of ids) await world.run(world.settled(id))
}

const stateOf = async (world: ServerWorld, id: string): Promise<[string, number]> => {
  const { vm_state, power_state } = await world.row(id)
  return [vm_state, power_state]
}

/** Four servers: one that runs, one that was stopped, one paused, one suspended. */
async function fourServers(world: ServerWorld): Promise<Record<'runs' | 'stopped' | 'paused' | 'suspended', string>> {
  const { commands } = world
  const [runs, stopped, paused, suspended] = [
    await world.build(),
    await world.build(),
    await world.build(),
    await world.build(),
  ]
  await done(world, stopped, commands.stop(stopped))
  await done(world, paused, commands.pause(paused))
  await done(world, suspended, commands.suspend(suspended))
  return { runs, stopped, paused, suspended }
}

const taps = ({ things }: WorldHost): string[] =>
  [...things.things.values()].filter(({ kind }) => kind === 'tap').map(({ owner }) => owner)

describe('a machine that boots', () => {
  it('starts what ran there before, in order, and leaves the rest as it is', async () => {
    const { world, host } = await openWorld(RESUMES)
    const ids = await fourServers(world)
    const more = [await world.build(), await world.build()]
    const started: string[] = []
    const tapsThen: number[] = []
    const listening = new AbortController()
    const listen = (async () => {
      for await (const { id, event } of host.hypervisor.events(listening.signal)) {
        if (event === 'started') started.push(id)
        if (event === 'started') tapsThen.push(taps(host).length)
      }
    })()
    await nextTurn()
    await world.run(host.boot())
    const all = [...Object.values(ids), ...more]
    await quiet(world, all)
    listening.abort()
    await listen
    assert.deepEqual(started, [ids.runs, ...more])
    assert.ok(tapsThen.every((count) => count > 0))
    for (const id of started) assert.deepEqual(await stateOf(world, id), ['active', POWER.RUNNING])
    assert.deepEqual(await stateOf(world, ids.stopped), ['stopped', POWER.SHUTDOWN])
    assert.deepEqual(await stateOf(world, ids.suspended), ['suspended', POWER.SHUTDOWN])
    // What was paused is lost with the machine's memory: its server may be started again.
    assert.deepEqual(await stateOf(world, ids.paused), ['stopped', POWER.SHUTDOWN])
    await done(world, ids.suspended, world.commands.resume(ids.suspended))
    assert.deepEqual(await stateOf(world, ids.suspended), ['active', POWER.RUNNING])
    await assertWhole(world)
  })

  it('leaves its servers SHUTOFF unless the option says otherwise', async () => {
    const { world, host } = await openWorld()
    const ids = await fourServers(world)
    await world.run(host.boot())
    await quiet(world, Object.values(ids))
    for (const id of [ids.runs, ids.stopped, ids.paused]) {
      assert.deepEqual(await stateOf(world, id), ['stopped', POWER.SHUTDOWN])
    }
    assert.deepEqual(await stateOf(world, ids.suspended), ['suspended', POWER.SHUTDOWN])
    await done(world, ids.runs, world.commands.start(ids.runs))
    await assertWhole(world)
  })

  it('starts a rescued server as it was rescued', async () => {
    const { world, host } = await openWorld(RESUMES)
    const id = await world.build()
    await done(world, id, world.commands.act(id, 'rescue', {}))
    assert.deepEqual(await stateOf(world, id), ['rescued', POWER.RUNNING])
    await world.run(host.boot())
    await quiet(world, [id])
    assert.deepEqual(await stateOf(world, id), ['rescued', POWER.RUNNING])
    await done(world, id, world.commands.act(id, 'unrescue'))
    assert.deepEqual(await stateOf(world, id), ['active', POWER.RUNNING])
    await assertWhole(world)
  })

  it('goes on with the others when one cannot be started', async () => {
    const { world, host } = await openWorld(RESUMES)
    const [first, second] = [await world.build(), await world.build()]
    host.weather.breakNext('restore')
    await world.run(host.boot())
    await quiet(world, [first, second])
    assert.deepEqual(await stateOf(world, first), ['error', POWER.SHUTDOWN])
    assert.equal((await world.fault(first)).message, 'HypervisorFailed')
    assert.deepEqual(await stateOf(world, second), ['active', POWER.RUNNING])
    await done(world, first, world.commands.reboot(first, 'HARD'))
    await assertWhole(world)
  })

  it('is asked about twice when its agent died before it had noted the boot', async () => {
    const { world, host } = await openWorld(RESUMES)
    const [first, second] = [await world.build(), await world.build()]
    await world.run(host.boot())
    const { name, nodeId } = host
    const conductor = world.bus.remote<ConductorMethods>(CONDUCTOR_TOPIC)
    await world.run(conductor.hostStarts({ host: name, node: nodeId, booted: true }))
    await quiet(world, [first, second])
    await world.run(conductor.hostStarts({ host: name, node: nodeId, booted: true }))
    await quiet(world, [first, second])
    for (const id of [first, second]) assert.deepEqual(await stateOf(world, id), ['active', POWER.RUNNING])
    await assertWhole(world)
  })

  it('takes up an operation that was under way', async () => {
    const { world, host } = await openWorld(RESUMES)
    const id = await world.build()
    await world.startTasks(new Failpoints('server.hard-reboot.guest:effect:hang'))
    await world.commands.reboot(id, 'HARD')
    for (let turn = 0; turn < 200; turn++) await nextTurn()
    await world.startTasks()
    await world.run(host.boot())
    await quiet(world, [id])
    assert.deepEqual(await stateOf(world, id), ['active', POWER.RUNNING])
    await assertWhole(world)
  })
})

describe('a server that goes with its guest (shutdown_terminate)', () => {
  const config = '[compute]\nshutdown_terminate = true\n'

  it('is deleted when the guest has powered itself off', async () => {
    const { world, host } = await openWorld(config)
    const id = await world.build()
    host.hypervisor.incident(id, 'poweroff')
    await world.run(world.restartHosts())
    await quiet(world, [id])
    assert.equal((await world.row(id)).vm_state, 'deleted')
    await assertWhole(world)
  })

  it('is only stopped when the machine has booted', async () => {
    const { world, host } = await openWorld(config)
    const id = await world.build()
    await world.run(host.boot())
    await quiet(world, [id])
    assert.deepEqual(await stateOf(world, id), ['stopped', POWER.SHUTDOWN])
    await assertWhole(world)
  })
})

describe('an agent that starts again', () => {
  it('touches no guest, and mends taps', async () => {
    const { world, host } = await openWorld(RESUMES)
    const ids = await fourServers(world)
    const before = await host.hypervisor.guests()
    const there = taps(host)
    await host.stop()
    for (const [key, { kind }] of host.things.things) if (kind === 'tap') host.things.things.delete(key)
    await world.run(host.start())
    await quiet(world, Object.values(ids))
    assert.deepEqual(await host.hypervisor.guests(), before)
    assert.deepEqual(taps(host).toSorted(), there.toSorted())
    await assertWhole(world)
  })

  it('seed-8.5.11-1, seed-8.5.6-4: keeps one services row, one node and one provider, and is up at once', async () => {
    const { world, host } = await openWorld()
    const before = await services(world)
    await world.run(world.clock.sleep(60_000))
    for (let turn = 0; turn < 2; turn++) {
      await host.stop()
      const began = world.clock.now()
      await world.run(host.start())
      assert.ok(world.clock.now() - began <= 10_000)
    }
    const [seen, ...others] = await services(world)
    assert.deepEqual(others, [])
    assert.equal(seen!.id, before[0]!.id)
    assert.ok(world.clock.now() - seen!.last_seen_at <= 10_000)
    const nodes = await tables(world.compute).selectFrom('compute_nodes').select('id').execute()
    assert.deepEqual(
      nodes.map(({ id }) => id),
      [host.nodeId],
    )
    assert.equal((await world.compute.placement.summaries([host.nodeId])).size, 1)
  })

  it('seed-8.5.11-2: a build whose process was killed ends ACTIVE, and others are untouched', async () => {
    const { world } = await openWorld()
    const bystander = await world.build()
    const before = await world.row(bystander)
    await world.startTasks(new Failpoints('server.build.guest:effect:hang'))
    const id = await world.commands.create()
    for (let turn = 0; turn < 500; turn++) await nextTurn()
    assert.equal((await world.row(id)).task_state, 'spawning')
    await world.startTasks()
    await world.run(world.restartHosts())
    await quiet(world, [id])
    const { vm_state, task_state } = await world.row(id)
    assert.deepEqual([vm_state, task_state], ['active', null])
    assert.deepEqual(await world.row(bystander), before)
    await assertWhole(world)
  })

  it('seed-8.5.11-3: a reboot whose process was killed ends ACTIVE', async () => {
    for (const how of ['SOFT', 'HARD'] as const) {
      const { world } = await openWorld()
      const id = await world.build()
      const task = how === 'SOFT' ? 'server.reboot' : 'server.hard-reboot'
      await world.startTasks(new Failpoints(`${task}.guest:effect:hang`))
      await world.commands.reboot(id, how)
      for (let turn = 0; turn < 300; turn++) await nextTurn()
      assert.notEqual((await world.row(id)).task_state, null)
      await world.startTasks()
      await world.run(world.restartHosts())
      await quiet(world, [id])
      assert.deepEqual(await stateOf(world, id), ['active', POWER.RUNNING])
      await assertWhole(world)
    }
  })
})

function services({ compute }: ServerWorld) {
  return tables(compute).selectFrom('compute_services').selectAll().where('binary', '=', 'nova-compute').execute()
}

it('seed-8.5.11-4: a new host is disabled and gets no servers where new services are not enabled', async () => {
  const fake = await startFakeCloud({ config: '[compute]\nenable_new_services = false\n' })
  try {
    const path = '/compute/v2.1/os-services?binary=nova-compute'
    const headers = { 'openstack-api-version': 'compute 2.53' }
    const ask = () => fake.admin.ask<{ services: Record<string, string>[] }>({ path, headers })
    const [service] = (await ask()).services
    const { status, state, disabled_reason: reason } = service!
    assert.deepEqual([status, state, reason], ['disabled', 'up', 'New compute service disabled due to config option.'])
    const id = await createServer(fake)
    assert.equal((await settledServer(fake, id)).status, 'ERROR')
    assert.match((await showServer(fake, id)).fault!.message, /^No valid host was found\./)
    const body = { status: 'enabled' }
    await fake.admin.ask({ method: 'PUT', path: `/compute/v2.1/os-services/${service!['id']}`, body, headers })
    assert.equal((await settledServer(fake, await createServer(fake))).status, 'ACTIVE')
  } finally {
    await fake.stop()
  }
})

describe('a cloud that starts after it was away for long', () => {
  /** For longer than any service may be silent. */
  const LONG = 7_300_000

  async function startedLate(): Promise<{ world: ServerWorld; host: WorldHost }> {
    const { world, host } = await openWorld()
    await host.stop()
    await world.run(world.clock.sleep(LONG))
    await world.restartConductor()
    return { world, host }
  }

  it('has builds wait for hosts that have not reported yet', async () => {
    const { world, host } = await startedLate()
    const id = await world.commands.create()
    await world.run(world.clock.sleep(60_000))
    assert.deepEqual((await world.row(id)).vm_state, 'building')
    assert.match((await world.taskOf(id, 'server.build')).reason!, /fake-1 may yet report/)
    await world.run(host.start())
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
    await assertWhole(world)
  })

  it('gives those up that stay silent', async () => {
    const { world } = await startedLate()
    await world.run(world.clock.sleep(LONG))
    const id = await world.build()
    assert.equal((await world.row(id)).vm_state, 'error')
    assert.match((await world.fault(id)).message, /No compute host that it may go to is up/)
  })
})
