// The cloud in this process, until it is told to end.
import { systemClock } from '@kilonova/base/clock'
import { openLog } from '@kilonova/base/log'
import type { Cloud } from '../all-in-one.ts'
import { startCloud } from '../all-in-one.ts'
import { fillCloud } from '../bootstrap.ts'
import { loadConfig } from '../config.ts'
import { writeCloudsFile } from '../credential-files.ts'
import { announce, withdraw } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'
import { isDetached, tellParent } from './detach.ts'
import { returnMemoryWhenIdle } from './return-memory.ts'
import type { UpOptions } from './up.ts'

/** Runs the cloud until a signal ends it. */
export async function runCloud(options: UpOptions): Promise<void> {
  const state = new StateDirectory(options.stateDir)
  await state.prepare()
  const lock = state.lock()
  const config = await loadConfig(options.config, state.configFile)
  const flush = openLog({ file: state.log, level: config.log.level as 'info' })
  const { port, driver, fakeHosts, memory = false } = options
  const ended = signalled()
  const cloud = await startCloud({ state, config, host: options.listen, port, driver, fakeHosts, memory })
  try {
    await introduce(cloud, state, { ...options, drains: config.compute.graceful_shutdown_timeout })
    returnMemoryWhenIdle(systemClock)
    const filled = fillCloud(cloud, { driver, state, memory, signal: ended.signal })
    await ended.promise
    await filled
  } finally {
    await withdraw(state)
    await cloud.stop()
    lock.release()
    flush()
  }
  process.exit() // whatever waits still, such as for a guest that shuts down, has had its time
}

async function introduce(
  cloud: Cloud,
  state: StateDirectory,
  { driver, roles, drains }: UpOptions & { drains: number },
): Promise<void> {
  await writeCloudsFile(state, await state.credentials(), cloud.url)
  const since = cloud.parts.compute.clock.now()
  await announce(state, { url: cloud.url, roles: roles.split(','), driver, since, drains })
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
