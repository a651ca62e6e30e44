// `up`: the cloud in this process until it is told to end, or in a process of its own.
import { openLog } from '@kilonova/base/log'
import type { Cloud } from '../all-in-one.ts'
import { startCloud } from '../all-in-one.ts'
import { fillCloud } from '../bootstrap.ts'
import { loadConfig } from '../config.ts'
import { writeCloudsFile } from '../credential-files.ts'
import { fault } from '../faults.ts'
import { announce, withdraw } from '../running-cloud.ts'
import { ensureDebianPackages } from '../setup/debian-packages.ts'
import { StateDirectory } from '../state-directory.ts'
import { detach, isDetached, tellParent } from './detach.ts'
import { fail } from './fail.ts'

export interface UpOptions {
  stateDir: string
  port: number
  listen: string
  config?: string
  driver: 'libvirt' | 'fake'
  fakeHosts: number
  roles: string
  detach?: boolean
  memory?: boolean
}

const ROLES = ['api', 'conductor', 'agent']

export async function up(options: UpOptions): Promise<void> {
  refuseWhatCannotBe(options)
  if (options.driver === 'libvirt') await prepareHost()
  if (options.detach) return detach(options)
  try {
    await run(options)
  } catch (error) {
    if (!isDetached()) throw error
    tellParent({ failed: error })
    process.exitCode = fail(error)
  }
}

function refuseWhatCannotBe({ roles, memory, driver }: UpOptions): void {
  const asked = roles.split(',')
  const unknown = asked.find((role) => !ROLES.includes(role))
  if (unknown !== undefined)
    throw fault('ConfigUnusable', { why: `There is no role ${unknown}; the roles are ${ROLES.join(', ')}.` })
  if (ROLES.some((role) => !asked.includes(role))) {
    throw fault('ConfigUnusable', {
      why: 'Roles cannot be split over processes on a bus inside one process: leave --roles out.',
    })
  }
  if (memory && driver !== 'fake')
    throw fault('ConfigUnusable', {
      why: '--memory keeps nothing on disk, and real guests need disks: add --driver fake.',
    })
}

/** Real guests need root and Debian's packages. */
export async function prepareHost(): Promise<void> {
  if (process.getuid?.() !== 0) throw fault('RootNeeded', { why: 'it makes taps, bridges, namespaces and guests' })
  await ensureDebianPackages(['run'])
}

async function run(options: UpOptions): Promise<void> {
  const state = new StateDirectory(options.stateDir)
  await state.prepare()
  const lock = state.lock()
  const config = await loadConfig(options.config, state.configFile)
  const flush = openLog({ file: state.log, level: config.log.level as 'info' })
  const { port, driver, fakeHosts, memory = false } = options
  const ended = signalled()
  const cloud = await startCloud({ state, config, host: options.listen, port, driver, fakeHosts, memory })
  try {
    await introduce(cloud, state, options)
    const filled = fillCloud(cloud, { driver, state, memory, signal: ended.signal })
    await ended.promise
    await filled
  } finally {
    await withdraw(state)
    await cloud.stop()
    lock.release()
    flush()
  }
}

async function introduce(cloud: Cloud, state: StateDirectory, { driver, roles }: UpOptions): Promise<void> {
  await writeCloudsFile(state, await state.credentials(), cloud.url)
  const since = cloud.parts.compute.clock.now()
  await announce(state, { url: cloud.url, roles: roles.split(','), driver, since })
  if (isDetached()) return tellParent({ ready: cloud.url })
  const dir = state.path
  process.stdout.write(`Kilonova answers on ${cloud.url}\n`)
  process.stdout.write(
    `  use it:  eval "$(./kilonova openrc${dir === '/var/lib/kilonova' ? '' : ` --state-dir ${dir}`})" && openstack server list\n`,
  )
  process.stdout.write(`  its log: ${state.log}\n  Ctrl-C stops it; guests go on.\n`)
}

/** The first SIGINT or SIGTERM asks for the end; a second one ends at once. */
function signalled(): { promise: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController()
  const { promise, resolve } = Promise.withResolvers<void>()
  const INTERRUPTED = 130
  const hear = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort()
    resolve()
  }
  process.on('SIGINT', hear)
  process.on('SIGTERM', hear)
  return { promise, signal: controller.signal }
}
