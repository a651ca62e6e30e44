// What an idle cloud costs: resident memory of its one process, and the time from `up` to an authenticated reply.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { findRunning, residentMemory } from '@kilonova/cloud/running-cloud'
import { StateDirectory } from '@kilonova/cloud/state-directory'
import { figure, publish } from './measure.ts'

const RUNS = 5
const SETTLE_MS = 15_000
const MIB = 1024 ** 2
const PORT = '8795'
const launcher = join(import.meta.dirname, '..', 'kilonova')

async function up(state: StateDirectory): Promise<number> {
  const start = systemClock.monotonic()
  await run(launcher, ['up', '--detach', '--state-dir', state.path, '--port', PORT], { timeout: 120_000 })
  const running = (await findRunning(state))!
  const { admin: password } = await state.credentials()
  const client = await ApiClient.logIn(running.url, { name: 'admin', password, project: 'admin' })
  await client.ask({ path: '/compute/v2.1/servers' })
  return systemClock.monotonic() - start
}

async function imageIsThere(state: StateDirectory): Promise<void> {
  const { url } = (await findRunning(state))!
  const { demo: password } = await state.credentials()
  const client = await ApiClient.logIn(url, { name: 'demo', password, project: 'demo' })
  const path = '/image/v2/images?name=kilonova-tiny&status=active'
  await until(
    240,
    async () => ((await client.ask<{ images: unknown[] }>({ path })).images.length > 0 ? true : undefined),
    500,
  )
}

const directory = await mkdtemp(join(tmpdir(), 'kn-idle-'))
const state = new StateDirectory(directory)
const down = () => run(launcher, ['down', '--state-dir', directory])
const [starts, memory]: [number[], number[]] = [[], []]
try {
  await up(state)
  await imageIsThere(state)
  await down()
  for (let i = 0; i < RUNS; i++) {
    starts.push(await up(state))
    await systemClock.sleep(SETTLE_MS)
    memory.push((await residentMemory((await findRunning(state))!.pid)) / MIB)
    await down()
  }
} finally {
  await down()
  await rm(directory, { recursive: true, force: true })
}
await publish('idle', [
  figure('up --detach, existing state, to the first authenticated reply', 'ms', starts),
  figure('resident memory of the idle process, libvirt driver', 'MiB', memory),
])
