// One share of the matrix of servers' tasks: a thread of its own, since the test runner's hooks slow down promises.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { parentPort, workerData } from 'node:worker_threads'
import { errorChain } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { ConductorMethods } from '@kilonova/compute/agent/conductor-protocol'
import { CONDUCTOR_TOPIC } from '@kilonova/compute/agent/conductor-protocol'
import { tables } from '@kilonova/compute/compute'
import { taskKind } from '@kilonova/tasks/saga'
import type { Task } from '@kilonova/tasks/task'
import type { Tasks } from '@kilonova/tasks/tasks'
import type { FaultCase, FaultWorld } from '@kilonova/tasks/test-kit'
import { faultCases, stepFaultMatrix } from '@kilonova/tasks/test-kit'
import { serverAsks } from './server-asks.ts'
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
      if (snapshots.length > 0) await world.run(world.restartHosts())
    },
    async check(task) {
      await assertWhole(world)
      // The ports of a server that failed to leave its host are still its own: hosts that start again plug them.
      const leaves = task.name === 'server.delete' || task.name === 'server.shelve-offload'
      if (task.name === 'server.evacuate') {
        await world.run(world.comeBack())
        await assertWhole(world)
      }
      if (leaves && task.state === 'undone') await world.run(world.restartHosts())
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
  const { options = '', alone = false, devices = [] } = workerData as Share
  const own = ['resume_guests_state_on_host_boot = true', 'shelved_offload_time = -1', 'max_local_block_devices = 4']
  const config = `[compute]\n${own.join('\n')}\n${options}`
  const only = { name: 'fake-1', vcpus: 64, memoryMb: 65_536, isolatedDisks: devices }
  const world = await ServerWorld.open(alone ? { config, hosts: [only] } : { config })
  await world.givePort()
  if (devices.length > 0) await world.commands.deviceFlavor()
  else await world.giveDisks()
  return world
}

/** With a port that is made for it, one that was there before, two ephemeral disks, a swap, and a config drive. */
async function create(world: ServerWorld): Promise<string> {
  const networks = [{ uuid: await world.privateNetwork() }, { port: world.given }]
  const { devices = [] } = workerData as Share
  const blank = [{ volume_size: 1 }, { volume_size: 2, tag: 'data' }, { guest_format: 'swap' }]
  const disks = devices.length > 0 ? { flavorRef: 'whole' } : world.commands.withDisks(...blank)
  return world.commands.create({ networks, config_drive: true, ...disks })
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

/** A link to its console that nobody has used. */
async function giveToken({ compute }: ServerWorld, id: string): Promise<void> {
  const bound = { server_id: id, user_id: 'demo', host: 'fake-1', address: '127.0.0.1', port: 1 }
  const link = { token_hash: id, console_type: 'serial', access_url_base: '', sealed_token: '' } as const
  const times = { created_at: compute.clock.now(), expires_at: Number.MAX_SAFE_INTEGER }
  await tables(compute)
    .insertInto('compute_console_auth_tokens')
    .values({ ...bound, ...link, ...times })
    .execute()
}

/** Asks for the task as its user would. */
async function begin(world: ServerWorld, tasks: Tasks<Deps>, name: string): Promise<string> {
  const { commands } = world
  if (name === 'server.build') return asked(world, name, () => create(world))
  if (name === 'aggregate.cache-images') return asked(world, name, () => commands.cacheImage(['fake-1', 'fake-2']))
  if (name === 'image.discard') return discard(world, tasks)
  const asks = serverAsks[name]
  if (!asks && name !== RESUME) throw new Error(`${name}: say in server-asks.ts how a user asks for it`)
  const id = await create(world)
  await tasks.ended((await world.taskOf(id, 'server.build')).id)
  await giveToken(world, id)
  if (!asks) return asked(world, name, () => hostBoots(world, id))
  for (const before of asks.after ?? []) {
    await serverAsks[before]!.ask(commands, id)
    await tasks.ended((await world.taskOf(id, before)).id)
  }
  return asked(world, name, async () => {
    await asks.ask(commands, id)
    return id
  })
}

/** Of an image with data, as servers that were shelved leave it. */
async function discard(world: ServerWorld, tasks: Tasks<Deps>): Promise<string> {
  const context = world.context()
  const formats = { disk_format: 'raw', container_format: 'bare' }
  const { id } = await world.compute.image.create(context, { name: 'served', ...formats })
  await world.run(world.compute.image.upload(context, id, Readable.from([Buffer.alloc(4096)])))
  const resource = () => ({ type: 'image', id })
  return tasks.enqueue(taskKind('image.discard', { resource }), { input: { imageId: id }, context })
}

const RESUME = 'server.resume-state'

/** As the agent tells it that starts on a host which has booted. */
async function hostBoots(world: ServerWorld, serverId: string): Promise<string> {
  const { name, nodeId, hypervisor } = await world.hostOf(serverId)
  hypervisor.boot()
  await world.bus.remote<ConductorMethods>(CONDUCTOR_TOPIC).hostStarts({ host: name, node: nodeId, booted: true })
  return serverId
}

/** In one transaction, so that the task begins when its id is known. */
function asked(world: ServerWorld, name: string, ask: () => Promise<string>): Promise<string> {
  return world.store.transaction(async () => (await world.taskOf(await ask(), name)).id)
}

/** What the server is when its task has ended so; a crash or a repetition alone makes nothing fail. */
async function assertEnd(world: ServerWorld, { name, state, resource, error }: Task, kase: FaultCase): Promise<void> {
  const harmless = kase.direction === 'do' && (kase.fault === 'crash' || kase.fault === 'repeat')
  const late = kase.direction === 'do' && kase.place === 'after'
  assert.equal(state, harmless || late ? 'done' : 'undone', String(error?.message))
  if (resource?.type !== 'server') return
  const { vm_state, host } = await world.row(resource.id)
  const verb = name.split('.')[1]!
  if (state === 'done') assert.equal(vm_state, serverAsks[name]?.done ?? 'active')
  else if (verb === 'build') assert.deepEqual([vm_state, host], ['error', null])
  else if (verb === 'delete') assert.equal(vm_state, 'error')
}

export interface Share {
  /** Cases whose failpoint has this text. */
  only: string
  /** Of so many shares the one of this number. */
  number: number
  of: number
  /** Lines of the configuration's table compute. */
  options?: string
  /** There is one host. */
  alone?: boolean
  /** Whole devices of that host; servers have one as their root disk. */
  devices?: readonly string[]
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
