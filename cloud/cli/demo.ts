// `demo`: from nothing to a guest that answers, through the public APIs alone.
import { systemClock } from '@kilonova/base/clock'
import { ApiClient, until } from '../api-client.ts'
import { fault } from '../faults.ts'
import { findRunning } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'
import { Demo } from './demo-server.ts'
import { launch } from './detach.ts'
import { stopCloud } from './down.ts'
import type { UpOptions } from './up.ts'
import { prepareHost } from './up.ts'

export interface DemoOptions extends Omit<UpOptions, 'roles'> {
  json?: boolean
  rm?: boolean
}

interface Seconds {
  setup: number
  cloud_ready: number
  server_active: number
  guest_ready: number
}

const IMAGE_LIMIT_SECONDS = 240

export async function demo(options: DemoOptions): Promise<void> {
  if (options.driver === 'fake')
    throw fault('ConfigUnusable', { why: 'The demo logs in to a real guest; the driver fake has none.' })
  const say = (line: string): void => void (options.json ? process.stderr : process.stdout).write(`${line}\n`)
  const watch = stopwatch()
  await prepareHost()
  const setup = watch()
  const state = new StateDirectory(options.stateDir)
  const running = await findRunning(state)
  const url = running?.url ?? (await launch({ ...options, roles: 'api,conductor,agent' }))
  const cloudReady = watch()
  say(running ? `The cloud runs already on ${url}.` : `The cloud answers on ${url} after ${cloudReady} s.`)
  try {
    const told = await boot({ state, url, say, watch, before: { setup, cloud_ready: cloudReady } })
    report(told, options, state)
    if (options.rm) await told.demo.remove()
  } finally {
    if (options.rm && !running) await stopCloud(state)
  }
  if (options.rm)
    say(
      running
        ? 'The server is removed; the cloud was there before and stays.'
        : 'The server is removed and the cloud stopped.',
    )
}

/** Seconds since its last call, to a tenth. */
function stopwatch(): () => number {
  let last = systemClock.monotonic()
  return () => {
    const now = systemClock.monotonic()
    const seconds = Math.round((now - last) / 100) / 10
    last = now
    return seconds
  }
}

interface Boot {
  state: StateDirectory
  url: string
  say: (line: string) => void
  watch: () => number
  before: Pick<Seconds, 'setup' | 'cloud_ready'>
}

interface Told {
  demo: Demo
  serverId: string
  name: string
  status: string
  address: string
  sshOk: boolean
  login: string
  consoleTail: string[]
  seconds: Seconds
}

async function boot({ state, url, say, watch, before }: Boot): Promise<Told> {
  const { demo: password } = await state.credentials()
  const client = await ApiClient.logIn(url, { name: 'demo', password, project: 'demo' })
  const demo = new Demo(client, state)
  const image = await until(IMAGE_LIMIT_SECONDS, () => demo.image())
  if (!image)
    throw fault('DidNotStart', {
      why: `the image kilonova-tiny was not made within ${IMAGE_LIMIT_SECONDS} s`,
      log: state.log,
    })
  await demo.prepare()
  const cloudReady = Math.round((before.cloud_ready + watch()) * 10) / 10
  const { id, name } = await demo.createServer(image)
  say(`Server ${name} (${id}) is being made.`)
  const { status, address } = await demo.untilActive(id)
  const active = watch()
  say(`It is ${status} at ${address} after ${active} s.`)
  await demo.untilReady(id)
  const ready = watch()
  const sshOk = await demo.logIn(address, name)
  say(`Its guest was ready after ${ready} s more; ssh ${sshOk ? 'works' : 'does not work'}.`)
  return {
    demo,
    serverId: id,
    name,
    status,
    address,
    sshOk,
    login: await demo.loginCommand(address),
    consoleTail: await demo.consoleTail(id),
    seconds: { setup: before.setup, cloud_ready: cloudReady, server_active: active, guest_ready: ready },
  }
}

function report(
  { serverId, name, status, address, sshOk, login, consoleTail, seconds }: Told,
  { json, rm }: DemoOptions,
  state: StateDirectory,
): void {
  if (!sshOk) process.exitCode = 1
  if (json) {
    process.stdout.write(`${JSON.stringify({ server_id: serverId, status, address, ssh_ok: sshOk, seconds })}\n`)
    return
  }
  const dir = state.path === '/var/lib/kilonova' ? '' : ` --state-dir ${state.path}`
  const lines = [
    '',
    'The end of its console:',
    ...consoleTail.map((line) => `  | ${line}`),
    '',
    `server   ${name} (${serverId})`,
    `address  ${address}`,
    `seconds  setup ${seconds.setup}, cloud ${seconds.cloud_ready}, server active ${seconds.server_active}, guest ready ${seconds.guest_ready}`,
    ...(rm
      ? []
      : [
          `log in   ${login}`,
          '',
          `use it   eval "$(./kilonova openrc demo${dir})" && openstack server list`,
          `stop it  ./kilonova down${dir}   (the server goes on; remove it first with: openstack server delete ${name})`,
        ]),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
