// A libvirtd of our own under one directory: for hosts where none runs, for tests, for several side by side.
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { LibvirtConnection } from './connection.ts'
import type { DaemonPlaces, DaemonTls } from './daemon-files.ts'
import { bootId, DaemonFailed, pathOutside, placesIn, prepareFiles, SYSTEM_DIRECTORIES } from './daemon-files.ts'
import type { Start } from './daemon-launch.ts'
import { launch } from './daemon-launch.ts'
import { findProgram, otherEmulators } from './programs.ts'
import { unixSocket } from './unix-socket.ts'

export { DaemonFailed, pathOutside }

export interface DaemonOptions {
  /** Everything of this daemon lies here. Its own, local, and short: a socket's path has at most 107 characters. */
  directory: string
  /** Where what is known about the emulators is kept. Shared, since finding it out takes seconds. */
  cache?: string
  /** The host's name as this daemon sees it: migration wants two of them. Default: the machine's. */
  hostname?: string
  /** Makes it listen for other hosts, too. Default: only on its socket. */
  tls?: DaemonTls
  clock?: Clock
}

export interface Daemon {
  directory: string
  socket: string
  /** What `virsh -c` takes. */
  virshUri: string
  pid: number
  /** What max_client_requests is: how many calls of one connection it handles at once. */
  requests: number
  /** Ends the daemon; its guests go on. Nothing happens where it has ended already. */
  stop(): Promise<void>
}

const DEFAULT_CACHE = '/var/cache/kilonova-libvirt'
const HOST_SOCKETS = ['/run/libvirt/libvirt-sock', '/run/libvirt/virtqemud-sock']
const START_LIMIT = 60_000
const STOP_LIMIT = 15_000
const PAUSE = 20

/** Starts the daemon of a directory, or finds it running. Needs root. Throws DaemonFailed. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { directory, cache = DEFAULT_CACHE, hostname = '', tls, clock = systemClock } = options
  const places = placesIn(directory)
  const running = await findDaemon({ directory, clock })
  if (running) return running
  const libvirtd = await findProgram('libvirtd')
  if (!libvirtd)
    throw new DaemonFailed('libvirtd is not installed (Debian: libvirt-daemon, libvirt-daemon-driver-qemu)')
  await prepareFiles(places, tls)
  await mkdir(resolve(cache), { recursive: true })
  for (const path of SYSTEM_DIRECTORIES) await mkdir(path, { recursive: true })
  const start = {
    places,
    libvirtd,
    cache: resolve(cache),
    hostname,
    boot: await bootId(),
    listens: tls !== undefined,
    covered: await otherEmulators(),
  }
  return await answering(start, clock)
}

/** The daemon of a directory if it runs and answers. */
export async function findDaemon({
  directory,
  clock = systemClock,
}: {
  directory: string
  clock?: Clock
}): Promise<Daemon | undefined> {
  const places = placesIn(directory)
  const pid = await runningPid(places)
  if (pid === undefined || !(await answers(places.socket))) return undefined
  return daemonOf(places, pid, clock)
}

/** The socket of the host's own libvirtd or virtqemud when it answers. */
export async function hostSocket(): Promise<string | undefined> {
  for (const path of HOST_SOCKETS) if (await answers(path)) return path
  return undefined
}

function daemonOf(places: DaemonPlaces, pid: number, clock: Clock): Daemon {
  const { directory, socket, virshUri, requests } = places
  return { directory, socket, virshUri, requests, pid, stop: () => stop(places, pid, clock) }
}

/** Launches, and waits for an answer: from the one launched, or from one that another start brings up meanwhile. */
async function answering(start: Start, clock: Clock): Promise<Daemon> {
  const { places } = start
  let late = false
  const limit = clock.after(START_LIMIT, () => {
    late = true
  })
  let launched = launch(start)
  while (!late) {
    const { ended } = launched
    const daemon = await findDaemon({ directory: places.directory, clock })
    if (daemon) {
      limit.cancel()
      return daemon
    }
    if (ended?.busy) launched = launch(start)
    else if (ended) throw new DaemonFailed(`libvirtd in ${places.directory} ${ended.how}: ${await lastWords(places)}`)
    await clock.sleep(PAUSE)
  }
  throw new DaemonFailed(`libvirtd in ${places.directory} did not answer within ${START_LIMIT / 1000} s`)
}

async function lastWords({ output, log }: DaemonPlaces): Promise<string> {
  const said = await readFile(output, 'utf8').catch(() => '')
  const logged = await readFile(log, 'utf8').catch(() => '')
  const end = logged.trim().split('\n').slice(-3).join('\n')
  return said.trim().slice(-2000) || end || 'it said nothing'
}

async function answers(socket: string): Promise<boolean> {
  try {
    const connection = await LibvirtConnection.open({
      connect: unixSocket(socket),
      keepalive: false,
      openTimeout: 5000,
    })
    await connection.close()
    return true
  } catch {
    return false
  }
}

/** The pid in the directory's pid file, if that process is the libvirtd of this directory and nothing else. */
async function runningPid(places: DaemonPlaces): Promise<number | undefined> {
  const text = await readFile(places.pidFile, 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  if (!(pid > 1)) return undefined
  const line = await readFile(join('/proc', String(pid), 'cmdline'), 'utf8').catch(() => '')
  return line.split('\0').includes(places.pidFile) ? pid : undefined
}

async function stop(places: DaemonPlaces, pid: number, clock: Clock): Promise<void> {
  let signal: NodeJS.Signals = 'SIGTERM'
  const limit = clock.after(STOP_LIMIT, () => {
    signal = 'SIGKILL'
  })
  let sent: NodeJS.Signals | undefined
  while ((await runningPid(places)) === pid) {
    if (sent !== signal) kill(pid, signal)
    sent = signal
    await clock.sleep(PAUSE)
  }
  limit.cancel()
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
