// The files of a private libvirtd: where they lie, and what stands in its settings.
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** A private libvirtd that could not be started, with what it said. */
export class DaemonFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DaemonFailed'
  }
}

/** A private daemon's directories, and those of libvirt's over which they are mounted for it and its guests. */
const MOUNTED = { run: '/run/libvirt', lib: '/var/lib/libvirt', log: '/var/log/libvirt', etc: '/etc/libvirt' } as const

/** Where the file of a private daemon lies that it and its guests see at `path`. */
export function pathOutside(directory: string, path: string): string {
  const found = Object.entries(MOUNTED).find(([, over]) => path.startsWith(`${over}/`))
  return found ? join(resolve(directory), found[0], path.slice(found[1].length)) : path
}

/** libvirt's own directories, over which a private daemon's are mounted. */
export const SYSTEM_DIRECTORIES = [...Object.values(MOUNTED), '/var/cache/libvirt']

/** Where the daemon listens for other hosts. */
export interface DaemonTls {
  address: string
  port: number
  /** A directory with cacert.pem, servercert.pem and serverkey.pem. Clients need a certificate of that authority. */
  pki: string
}

export interface DaemonPlaces {
  directory: string
  socket: string
  virshUri: string
  pidFile: string
  /** What the daemon said before it had a log. */
  output: string
  log: string
  requests: number
}

// sun_path has 108 bytes with its closing zero; this is the longest name libvirtd makes.
const LONGEST_SOCKET = '/run/libvirt-admin-sock'
const REQUESTS = 32

export function placesIn(given: string): DaemonPlaces {
  const directory = resolve(given)
  if (Buffer.byteLength(directory + LONGEST_SOCKET) > 107) {
    throw new DaemonFailed(`${directory} is too long a path for a socket: choose one of at most 84 characters`)
  }
  if (/["\\\n?&#%]/.test(directory))
    throw new DaemonFailed(`${directory} has characters that libvirt's settings cannot hold`)
  const covered = SYSTEM_DIRECTORIES.find((path) => directory === path || directory.startsWith(`${path}/`))
  if (covered)
    throw new DaemonFailed(`${directory} is under ${covered}, which the daemon sees differently: choose another`)
  const run = join(directory, 'run')
  const socket = join(run, 'libvirt-sock')
  return {
    directory,
    socket,
    virshUri: `qemu+unix:///system?socket=${socket}`,
    pidFile: join(run, 'libvirtd.pid'),
    output: join(directory, 'log', 'start.log'),
    log: join(directory, 'log', 'libvirtd.log'),
    requests: REQUESTS,
  }
}

/** Makes or renews all files. May run again at any time, also beside a running daemon. */
export async function prepareFiles(places: DaemonPlaces, tls?: DaemonTls): Promise<void> {
  const { directory } = places
  await mkdir(directory, { recursive: true, mode: 0o755 })
  for (const part of ['lib', 'log', 'etc']) await mkdir(join(directory, part), { recursive: true, mode: 0o755 })
  const hostUuid = await keptUuid(join(directory, 'host-uuid'))
  await writeFile(join(directory, 'etc', 'libvirtd.conf'), daemonSettings(places, hostUuid, tls), { mode: 0o600 })
  await writeFile(join(directory, 'etc', 'qemu.conf'), QEMU_SETTINGS, { mode: 0o600 })
  await rm(places.output, { force: true })
  await addUser(directory)
}

function daemonSettings({ directory, log }: DaemonPlaces, hostUuid: string, tls?: DaemonTls): string {
  return [
    `unix_sock_dir = "${directory}/run"`,
    'unix_sock_rw_perms = "0700"',
    'unix_sock_ro_perms = "0700"',
    'auth_unix_rw = "none"',
    'auth_unix_ro = "none"',
    `max_client_requests = ${REQUESTS}`,
    'max_workers = 64',
    `host_uuid = "${hostUuid}"`,
    `log_outputs = "3:file:${log}"`,
    ...(tls ? tlsSettings(tls) : ['listen_tls = 0']),
    '',
  ].join('\n')
}

function tlsSettings({ address, port, pki }: DaemonTls): string[] {
  const file = (name: string) => join(resolve(pki), name)
  return [
    'listen_tls = 1',
    `listen_addr = "${address}"`,
    `tls_port = "${port}"`,
    'auth_tls = "none"',
    `ca_file = "${file('cacert.pem')}"`,
    `cert_file = "${file('servercert.pem')}"`,
    `key_file = "${file('serverkey.pem')}"`,
  ]
}

// Disks, taps and their rights are the driver's work, and guests must outlive the daemon: so nothing of theirs is left
// to helpers of libvirt (virtlogd, cgroups, private /dev, remembered owners).
const QEMU_SETTINGS = [
  'user = "root"',
  'group = "root"',
  'dynamic_ownership = 0',
  'remember_owner = 0',
  'security_driver = "none"',
  'cgroup_controllers = []',
  'namespaces = []',
  'stdio_handler = "file"',
  '',
].join('\n')

/** Another one after each boot; also in another container on the same kernel, whose first process is another. */
export async function bootId(): Promise<string> {
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const first = await readFile('/proc/1/stat', 'utf8')
  const started = first.slice(first.lastIndexOf(')')).split(' ')[20]
  return `${boot} ${started}`
}

/** A uuid made once: a host keeps its identity, which migration compares. Of several that make it at once one wins. */
async function keptUuid(file: string): Promise<string> {
  const made = randomUUID()
  const own = `${file}.${made}`
  await writeFile(own, `${made}\n`)
  try {
    await link(own, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(own)
  }
  return (await readFile(file, 'utf8')).trim()
}

// Debian's libvirtd does not start without this user, even where its guests run as root; the package that makes it is
// not needed otherwise. The daemon alone sees the additions.
const USER = 'libvirt-qemu'

async function addUser(directory: string): Promise<void> {
  const additions = {
    passwd: `${USER}:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n`,
    group: `${USER}:x:64055:\n`,
  }
  for (const [file, line] of Object.entries(additions)) {
    const text = await readFile(join('/etc', file), 'utf8')
    const present = text.split('\n').some((entry) => entry.startsWith(`${USER}:`))
    const own = join(directory, file)
    if (present) await rm(own, { force: true })
    else await writeFile(own, text.endsWith('\n') ? text + line : `${text}\n${line}`)
  }
}
