// One share of the matrix of servers' tasks: a thread of its own, since the test runner's hooks slow down promises.
import assert from 'node:assert/strict'
import { parentPort, workerData } from 'node:worker_threads'
import { errorChain } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { Task } from '@kilonova/tasks/task'
import type { Tasks } from '@kilonova/tasks/tasks'
import type { FaultCase, FaultWorld } from '@kilonova/tasks/test-kit'
import { faultCases, stepFaultMatrix } from '@kilonova/tasks/test-kit'
import { assertWhole } from './server-oracle.ts'
import type { Deps } from './server-world.ts'
import { ServerWorld, sagas } from './server-world.ts'
import { assertSame, snapshotOf } from './world-snapshot.ts'

/** Serves some cases, one after the other, while each leaves it as it was. */
let kept: ServerWorld | undefined
let served = 0

/** What cases leave in the store is history, but every look reads it. */
const MOST_SERVED = 20

async function makeWorld(kase: FaultCase): Promise<FaultWorld<Deps>> {
  const world = kept ?? (await newWorld())
  kept = undefined
  const snapshots: string[][] = []
  return {
    store: world.store,
    clock: world.clock,
    deps: { compute: world.compute },
    async begin(tasks, name) {
      world.tasks = tasks
      return begin(world, tasks, name)
    },
    async recover(tasks) {
      world.tasks = tasks
      // Only the second time: a host that starts again mends, and so would hide what a task has left.
      if (snapshots.length > 0) await world.restartHosts()
    },
    async check(task) {
      await assertWhole(world)
      // The ports of a server whose delete failed are still its own: hosts that start again plug them.
      if (task.name === 'server.delete' && task.state === 'undone') await world.run(world.restartHosts())
      await assertEnd(world, task, kase)
    },
    async snapshot() {
      snapshots.push(await snapshotOf(world))
      const [before, now] = snapshots
      if (before && now) assertSame(before, now)
      return snapshots.at(-1)
    },
    async close() {
      if (snapshots.length === 2) await empty(world)
      if (snapshots.length === 2 && ++served % MOST_SERVED > 0) kept = world
      else await world.close()
    },
  }
}

async function newWorld(): Promise<ServerWorld> {
  const world = await ServerWorld.open()
  await world.givePort()
  return world
}

/** With a port that is made for it, one that was there before, and a config drive. */
async function create(world: ServerWorld): Promise<string> {
  const networks = [{ uuid: await world.privateNetwork() }, { port: world.given }]
  return world.commands.create({ networks, config_drive: true })
}

/** Whatever a case has left can be deleted, and then nothing is left. */
async function empty(world: ServerWorld): Promise<void> {
  const tasks = await world.startTasks()
  try {
    for (const { id } of await world.liveServers()) {
      await world.commands.delete(id)
      await world.run(world.settled(id))
    }
    await assertWhole(world)
    await world.assertEmpty()
  } finally {
    tasks.throwAway()
  }
}

/** Asks for the task as its user would. */
async function begin(world: ServerWorld, tasks: Tasks<Deps>, name: string): Promise<string> {
  const { commands } = world
  if (name === 'server.build') return asked(world, name, () => create(world))
  if (name === 'aggregate.cache-images') return asked(world, name, () => commands.cacheImage(['fake-1', 'fake-2']))
  const id = await create(world)
  await tasks.ended((await world.taskOf(id, 'server.build')).id)
  if (name === 'server.start') {
    await commands.stop(id)
    await tasks.ended((await world.taskOf(id, 'server.stop')).id)
  }
  if (name === 'server.unpause') {
    await commands.pause(id)
    await tasks.ended((await world.taskOf(id, 'server.pause')).id)
  }
  if (name === 'server.resume') {
    await commands.suspend(id)
    await tasks.ended((await world.taskOf(id, 'server.suspend')).id)
  }
  const asks: Record<string, () => Promise<void>> = {
    'server.delete': () => commands.delete(id),
    'server.start': () => commands.start(id),
    'server.stop': () => commands.stop(id),
    'server.reboot': () => commands.reboot(id, 'SOFT'),
    'server.hard-reboot': () => commands.reboot(id, 'HARD'),
    'server.pause': () => commands.pause(id),
    'server.unpause': () => commands.unpause(id),
    'server.suspend': () => commands.suspend(id),
    'server.resume': () => commands.resume(id),
  }
  const ask = asks[name]
  if (!ask) throw new Error(`${name}: say here how a user asks for it`)
  return asked(world, name, async () => {
    await ask()
    return id
  })
}

/** In one transaction, so that the task begins when its id is known. */
function asked(world: ServerWorld, name: string, ask: () => Promise<string>): Promise<string> {
  return world.store.transaction(async () => (await world.taskOf(await ask(), name)).id)
}

const DONE: Record<string, string> = {
  ...{ build: 'active', start: 'active', reboot: 'active', 'hard-reboot': 'active' },
  ...{ stop: 'stopped', delete: 'deleted', pause: 'paused', unpause: 'active' },
  ...{ suspend: 'suspended', resume: 'active' },
}

/** What the server is when its task has ended so; a crash or a repetition alone makes nothing fail. */
async function assertEnd(world: ServerWorld, { name, state, resource, error }: Task, kase: FaultCase): Promise<void> {
  const harmless = kase.direction === 'do' && (kase.fault === 'crash' || kase.fault === 'repeat')
  const late = kase.direction === 'do' && kase.place === 'after'
  assert.equal(state, harmless || late ? 'done' : 'undone', String(error?.message))
  if (resource?.type !== 'server') return
  const { vm_state, host } = await world.row(resource.id)
  const verb = name.split('.')[1]!
  if (state === 'done') assert.equal(vm_state, DONE[verb])
  else if (verb === 'build') assert.deepEqual([vm_state, host], ['error', null])
  else if (verb === 'delete') assert.equal(vm_state, 'error')
}

export interface Share {
  /** Cases whose failpoint has this text. */
  only: string
  /** Of so many shares the one of this number. */
  number: number
  of: number
}

export interface ShareResult {
  cases: number
  /** What failed, case by case. */
  failure: string | undefined
}

async function runShare({ only, number, of }: Share): Promise<ShareResult> {
  const all = faultCases(sagas).filter(({ failpoint }) => failpoint.includes(only))
  const mine = new Set(all.filter((_, index) => index % of === number).map(({ failpoint }) => failpoint))
  const isMine = ({ failpoint }: FaultCase): boolean => mine.has(failpoint)
  try {
    await stepFaultMatrix<Deps>({ sagas, makeWorld, only: isMine, options: { random: systemRandom } })
    return { cases: mine.size, failure: undefined }
  } catch (error) {
    return { cases: mine.size, failure: errorChain(error) }
  } finally {
    await kept?.close()
  }
}

parentPort?.postMessage(await runShare(workerData as Share))
