// A libvirtd of our own under one directory: for hosts where none runs, for tests, for several side by side.
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { constants as os } from 'node:os'
import { join, resolve } from 'node:path'
import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { LibvirtConnection } from './connection.ts'
import type { DaemonPlaces, DaemonTls } from './daemon-files.ts'
import { DaemonFailed, placesIn, prepareFiles, SYSTEM_DIRECTORIES } from './daemon-files.ts'
import { findProgram, otherEmulators } from './programs.ts'
import { unixSocket } from './unix-socket.ts'

export { DaemonFailed }

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

// libvirt's directories are compiled in, so the daemon gets its own ones mounted over them where only it and its guests
// see it. What others mount later still arrives ("slave"). Emulators of other machines are covered, for each would be
// probed at the first call.
const SCRIPT = `
set -e
hostname=$1 directory=$2 cache=$3 libvirtd=$4 listen=$5
shift 5
if [ -n "$hostname" ]; then echo "$hostname" > /proc/sys/kernel/hostname; fi
for part in run:/run/libvirt lib:/var/lib/libvirt log:/var/log/libvirt etc:/etc/libvirt; do
  mount --bind "$directory/\${part%%:*}" "\${part#*:}"
done
mount --bind "$cache" /var/cache/libvirt
for file in passwd group; do
  if [ -e "$directory/$file" ]; then mount --bind "$directory/$file" "/etc/$file"; fi
done
for other; do mount --bind /dev/null "$other"; done
exec "$libvirtd" $listen --config "$directory/etc/libvirtd.conf" --pid-file "$directory/run/libvirtd.pid"
`

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
  const start = launch(places, hostname, [resolve(cache), libvirtd, tls ? '--listen' : '', ...(await otherEmulators())])
  return await answering(places, start, clock)
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

interface Launched {
  /** Undefined while it runs, then how it ended. */
  ended: string | undefined
}

function launch(places: DaemonPlaces, hostname: string, rest: string[]): Launched {
  const output = openSync(places.output, 'w', 0o600)
  try {
    const apart = ['--mount', '--propagation', 'slave', ...(hostname ? ['--uts'] : [])]
    const unshare = [...apart, '/bin/sh', '-c', SCRIPT, 'sh', hostname, places.directory, ...rest]
    const child = spawn('unshare', unshare, { cwd: '/', detached: true, stdio: ['ignore', output, output] })
    const launched: Launched = { ended: undefined }
    child.once('error', (error) => {
      launched.ended = error.message
    })
    child.once('exit', (code, signal) => {
      launched.ended = signal ? `was ended by ${signal}` : `ended with code ${code}`
    })
    child.unref()
    return launched
  } finally {
    closeSync(output)
  }
}

/** Waits for an answer, be it from the one launched or from one that another start has brought up meanwhile. */
async function answering(places: DaemonPlaces, launched: Launched, clock: Clock): Promise<Daemon> {
  const pause = 20
  for (let waited = 0; waited < START_LIMIT; waited += pause) {
    const ended = launched.ended
    const daemon = await findDaemon({ directory: places.directory, clock })
    if (daemon) return daemon
    if (ended && (await runningPid(places)) === undefined) {
      const said = (await readFile(places.output, 'utf8')).trim().slice(-2000)
      const log = (await readFile(places.log, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join('\n')
      throw new DaemonFailed(`libvirtd in ${places.directory} ${ended}: ${said || log || 'it said nothing'}`)
    }
    await clock.sleep(pause)
  }
  throw new DaemonFailed(`libvirtd in ${places.directory} did not answer within ${START_LIMIT / 1000} s`)
}

async function answers(socket: string): Promise<boolean> {
  try {
    const connection = await LibvirtConnection.open({ connect: unixSocket(socket), keepalive: false })
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
  const pause = 20
  for (let waited = 0; (await runningPid(places)) === pid; waited += pause) {
    if (waited === 0) kill(pid, os.signals.SIGTERM)
    else if (waited > STOP_LIMIT) kill(pid, os.signals.SIGKILL)
    await clock.sleep(pause)
  }
}

function kill(pid: number, signal: number): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
