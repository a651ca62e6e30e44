// Whether this machine can be a host of a cloud: packages, rights, kernel, room and clock.
import { stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { doctorChecks } from '@kilonova/network/agent/doctor'
import { loadConfig } from '../../config.ts'
import { missingDebianPackages } from '../../setup/debian-packages.ts'
import type { StateDirectory } from '../../state-directory.ts'
import type { Check } from './check.ts'
import { isRoot, NEEDS_ROOT, ok, unknown, wrong } from './check.ts'

const GIB = 1024 ** 3
/** Bytes under which the next image or guest fills the disk. */
const LEAST_ROOM = 2 * GIB
/** Milliseconds by which the clock may stand behind what is already written. */
const CLOCK_SLACK = 300_000

export async function stateChecks(state: StateDirectory): Promise<Check[]> {
  return [await configCheck(state), await roomCheck(state), await clockCheck(state)]
}

export async function packageCheck(): Promise<Check> {
  try {
    const missing = await missingDebianPackages(['run'])
    if (missing.length === 0) return ok('packages', "all of Debian's packages that a cloud uses are installed")
    const mend = `sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`
    return wrong('packages', `missing: ${missing.join(' ')}`, `${mend} (or let ./kilonova up do it)`)
  } catch (error) {
    if (!isFault(error)) throw error
    return wrong('packages', error.message, error.mend ?? '')
  }
}

export function rootCheck(): Check {
  if (isRoot()) return ok('root', 'runs as root')
  return unknown('root', `runs as user ${process.getuid?.()}: what is unknown below takes root`, NEEDS_ROOT)
}

/** What the kernel keeps from users other than root. */
const TAKES_ROOT = ['tun', 'foreign_forward_drop']
/** Modules that a cloud loads when it starts. */
const LOADED_AT_START: Record<string, string> = { br_netfilter: 'br_netfilter', tun: 'tun' }

/** The checks of the network agent's driver; `running`: its cloud has had the chance to set up the kernel. */
export async function networkChecks(cloudTag: string, running: boolean): Promise<Check[]> {
  const found = (await doctorChecks(cloudTag)).filter(({ name }) => name !== 'root')
  return Promise.all(
    found.map(async ({ name, ok: fine, what, mend }) => {
      if (fine) return ok(name, what)
      if (!isRoot() && TAKES_ROOT.includes(name)) return unknown(name, 'takes root', NEEDS_ROOT)
      const module = running ? undefined : LOADED_AT_START[name]
      if (module && (await isLoadable(module))) return ok(name, `${what}; the cloud sees to it when it starts`)
      return wrong(name, what, mend)
    }),
  )
}

async function isLoadable(module: string): Promise<boolean> {
  try {
    await run('modprobe', ['--dry-run', module])
    return true
  } catch {
    return false
  }
}

async function configCheck(state: StateDirectory): Promise<Check> {
  try {
    await loadConfig(undefined, state.configFile)
    const isThere = await exists(state.configFile)
    return ok('config', isThere ? state.configFile : 'no kilonova.toml: every option has its default')
  } catch (error) {
    if (isFault(error)) return wrong('config', error.message, `edit ${state.configFile}`)
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return unknown('config', 'takes root', NEEDS_ROOT)
    throw error
  }
}

async function roomCheck({ path }: StateDirectory): Promise<Check> {
  const { bavail, blocks, bsize } = await statfs(await nearestThere(path))
  const free = bavail * bsize
  const what = `${(free / GIB).toFixed(1)} GiB of ${((blocks * bsize) / GIB).toFixed(1)} GiB are free for ${path}`
  return free >= LEAST_ROOM ? ok('disk', what) : wrong('disk', what, `free space there: du -xh --max-depth=2 ${path}`)
}

/** Tokens, leases and records go by the wall clock: it must not stand behind what is written. */
async function clockCheck(state: StateDirectory): Promise<Check> {
  const files = [state.database, `${state.database}-wal`, state.runFile]
  const times = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  )
  const behind = Math.max(...times) - systemClock.now()
  const now = new Date(systemClock.now()).toISOString()
  if (behind <= CLOCK_SLACK) return ok('time', now)
  const what = `the clock says ${now}, which is ${Math.round(behind / 1000)} s before the newest record`
  return wrong('time', what, 'set the clock: timedatectl set-ntp true')
}

async function nearestThere(path: string): Promise<string> {
  for (let at = resolve(path); ; at = dirname(at)) if ((await exists(at)) || at === '/') return at
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
