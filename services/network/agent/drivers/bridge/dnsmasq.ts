// The dnsmasq processes: started, told to read again, stopped. They outlive this process.
import { chmod, mkdir, readdir, readFile, rm, stat, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { type Clock, systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import type { DnsmasqFiles } from './dnsmasq-files.ts'

const MAX_LOG = 1024 * 1024

const confPath = (directory: string): string => join(directory, 'dnsmasq.conf')

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Returns true when the file was not so before. */
async function write(path: string, content: string): Promise<boolean> {
  if ((await readText(path)) === content) return false
  await writeAtomically(path, content)
  return true
}

async function serves(pid: number, directory: string): Promise<boolean> {
  const commandLine = await readText(`/proc/${pid}/cmdline`)
  return commandLine?.split('\0').includes(`--conf-file=${confPath(directory)}`) ?? false
}

/** The process that serves from this directory, known by its command line; undefined when none lives. */
export async function dnsmasqPid(directory: string): Promise<number | undefined> {
  const pid = Number(await readText(join(directory, 'pid')))
  if (Number.isInteger(pid) && pid > 1 && (await serves(pid, directory))) return pid
  // A lost pid file must not lead to a second process.
  return (await dnsmasqProcesses(dirname(directory))).get(directory)
}

/** The processes that serve from directories right below this one. */
export async function dnsmasqProcesses(parent: string): Promise<Map<string, number>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = new Map<string, number>()
  await Promise.all(
    pids.map(async (pid) => {
      const commandLine = (await readText(`/proc/${pid}/cmdline`))?.split('\0') ?? []
      const conf = commandLine.find((argument) => argument.startsWith(`--conf-file=${parent}/`))
      if (commandLine[0]?.endsWith('dnsmasq') && conf)
        found.set(dirname(conf.slice('--conf-file='.length)), Number(pid))
    }),
  )
  return found
}

export interface DnsmasqWish {
  directory: string
  namespace: string
  files: DnsmasqFiles
  /** What remains of the lease file when the process has to be started. */
  pruneLeases: (leases: string) => string
}

/** Makes it serve these files: by nothing, a SIGHUP, a start or a restart, whichever suffices. */
export async function ensureDnsmasq(wish: DnsmasqWish, clock: Clock = systemClock): Promise<void> {
  const { directory, namespace, files, pruneLeases } = wish
  await mkdir(directory, { recursive: true })
  // It reads its files again after it has given up being root.
  await chmod(directory, 0o755)
  const changed = [
    await write(join(directory, 'hosts'), files.hosts),
    await write(join(directory, 'opts'), files.opts),
    await write(join(directory, 'addn-hosts'), files.addnHosts),
  ].includes(true)
  const newConf = await write(confPath(directory), files.conf)
  const pid = await dnsmasqPid(directory)
  const misplaced = pid !== undefined && !(await sameNamespace(pid, namespace))
  if (pid !== undefined && !newConf && !misplaced) {
    if (changed) hangUp(pid)
    await trimLog(directory)
    return
  }
  await endProcess(directory, clock)
  const leases = join(directory, 'leases')
  await write(leases, pruneLeases((await readText(leases)) ?? ''))
  await run('ip', ['netns', 'exec', namespace, 'dnsmasq', `--conf-file=${confPath(directory)}`])
}

/** dnsmasq appends a few lines at each SIGHUP and never starts a new file. */
async function trimLog(directory: string): Promise<void> {
  const path = join(directory, 'log')
  const size = await stat(path).then(
    (seen) => seen.size,
    () => 0,
  )
  if (size > MAX_LOG) await truncate(path)
}

function hangUp(pid: number): void {
  try {
    process.kill(pid, 'SIGHUP')
  } catch (error) {
    // It has just died: the next reconcile starts it with the files as they are now.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function sameNamespace(pid: number, namespace: string): Promise<boolean> {
  try {
    const [own, named] = await Promise.all([stat(`/proc/${pid}/ns/net`), stat(`/run/netns/${namespace}`)])
    return own.ino === named.ino
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function endProcess(directory: string, clock: Clock): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const pid = await dnsmasqPid(directory)
    if (pid === undefined) break
    if (attempt === 200) throw new Error(`dnsmasq (process ${pid}) does not end`)
    try {
      process.kill(pid, attempt < 100 ? 'SIGTERM' : 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await clock.sleep(20)
  }
  await rm(join(directory, 'pid'), { force: true })
}

/** Ends the process and removes its files, leases included. */
export async function removeDnsmasq(directory: string, clock: Clock = systemClock): Promise<void> {
  await endProcess(directory, clock)
  await rm(directory, { recursive: true, force: true })
}

/** Whether an unprivileged process can read what lies under the directory. */
export async function isReachableByOthers(directory: string): Promise<boolean> {
  for (let at = directory; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}
