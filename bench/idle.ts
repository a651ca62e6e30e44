// What an idle cloud costs: resident memory of its one process, and the time from `up` to an authenticated reply.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
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
const URL = `http://127.0.0.1:${PORT}`
const launcher = join(import.meta.dirname, '..', 'kilonova')

const up = ({ path }: StateDirectory) => ['up', '--state-dir', path, '--port', PORT]

/** Milliseconds from the command to the first reply that needed a token. */
async function start(state: StateDirectory): Promise<number> {
  const { admin: password } = await state.credentials()
  const since = systemClock.monotonic()
  spawn(launcher, up(state), { stdio: 'ignore', detached: true }).unref()
  await until(
    60,
    async () => {
      try {
        const client = await ApiClient.logIn(URL, { name: 'admin', password, project: 'admin' })
        return await client.ask({ path: '/compute/v2.1/servers' })
      } catch {
        return undefined // not up yet
      }
    },
    5,
  )
  return systemClock.monotonic() - since
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

/** Bytes that only the process has which starts its programs. */
async function ownMemoryOfStarter(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ')
  for (const child of children) {
    if (!(await readFile(`/proc/${child}/cmdline`, 'utf8')).includes('command-starter')) continue
    const rollup = await readFile(`/proc/${child}/smaps_rollup`, 'utf8')
    const kilobytes = [...rollup.matchAll(/^Private_\w+: +(\d+) kB/gm)].map(([, size]) => Number(size))
    return kilobytes.reduce((sum, size) => sum + size) * 1024
  }
  return 0
}

const directory = await mkdtemp(join(tmpdir(), 'kn-idle-'))
const state = new StateDirectory(directory)
const down = () => run(launcher, ['down', '--state-dir', directory])
const [starts, memory, starter]: [number[], number[], number[]] = [[], [], []]
try {
  await run(launcher, [...up(state), '--detach'], { timeout: 120_000 })
  await imageIsThere(state)
  await down()
  for (let i = 0; i < RUNS; i++) {
    starts.push(await start(state))
    await systemClock.sleep(SETTLE_MS)
    const { pid } = (await findRunning(state))!
    memory.push((await residentMemory(pid)) / MIB)
    starter.push((await ownMemoryOfStarter(pid)) / MIB)
    await down()
  }
} finally {
  await down()
  await rm(directory, { recursive: true, force: true })
}
await publish('idle', [
  figure('up, existing state, to the first authenticated reply', 'ms', starts),
  figure('resident memory of the idle process, libvirt driver', 'MiB', memory),
  figure('own memory of the process that starts its programs', 'MiB', starter),
])
