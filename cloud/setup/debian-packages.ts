// The Debian packages that the cloud and its tests use: which are missing, and their installation.
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { systemClock } from '@kilonova/base/clock'
import { type CommandResult, run } from '@kilonova/base/command'
import { faultsOf } from '@kilonova/base/fault'

const PACKAGES = {
  run: [
    'libvirt-daemon',
    'libvirt-daemon-driver-qemu',
    'libvirt-clients',
    'qemu-system-x86',
    'qemu-utils',
    'seabios',
    'ipxe-qemu',
    'dnsmasq-base',
    'nftables',
    'iproute2',
    'conntrack',
    'procps',
    'e2fsprogs',
    'genisoimage',
    'openssh-client',
    'busybox-static',
    'mtools',
    'syslinux',
  ],
  test: ['python3-openstackclient', 'postgresql', 'iputils-ping', 'arping', 'lvm2'],
} as const

/** `run` for a cloud with the libvirt driver, `test` for what its tests use besides. */
export type PackageNeed = keyof typeof PACKAGES

const fault = faultsOf({
  NotDebian: {
    status: 500,
    kind: 'setup',
    say: ({ packages }: { packages: string[] }) =>
      `This system has no dpkg database; these Debian packages are needed: ${packages.join(' ')}`,
    mend: () => 'use Debian 12, Debian 13 or Ubuntu 24.04',
  },
  PackagesNeedRoot: {
    status: 403,
    kind: 'setup',
    say: ({ packages }: { packages: string[] }) => `These Debian packages are missing: ${packages.join(' ')}`,
    mend: ({ packages }) => `run: sudo sh -c 'apt-get update && ${aptInstall(packages).join(' ')}'`,
  },
  PackagesNotInstalled: {
    status: 500,
    kind: 'setup',
    say: ({ command, output }: { command: string; output: string }) => `${command} failed:\n${output}`,
    mend: ({ command }) => `mend what it says above, try it with: ${command}; then run this again`,
  },
})

const DPKG_STATUS = '/var/lib/dpkg/status'
const APT_LISTS = '/var/lib/apt/lists'
const POLICY = '/usr/sbin/policy-rc.d'
const LOCK_PATIENCE_MS = 600_000
const STALE_LISTS = /Unable to locate package|no installation candidate|404 +Not Found|Unable to fetch|Failed to fetch/
const LOCKED = /Could not get lock|Unable to (lock|acquire)/

/** The packages of `needs` that are not installed, in the order of the table. Throws NotDebian. */
export async function missingDebianPackages(needs: readonly PackageNeed[]): Promise<string[]> {
  const packages = [...new Set(needs.flatMap((need) => PACKAGES[need]))]
  const status = await readFile(DPKG_STATUS, 'latin1').catch((error: unknown) => {
    throw fault('NotDebian', { packages }, error)
  })
  const states = packageStates(status)
  return packages.filter((name) => states.get(name) !== 'installed')
}

/**
 * Installs what is missing of `needs`, after one line that says so; does nothing when nothing is.
 * Throws NotDebian, PackagesNeedRoot, PackagesNotInstalled (with everything that apt-get said).
 */
export async function ensureDebianPackages(needs: readonly PackageNeed[], say = sayOnStderr): Promise<void> {
  const packages = await missingDebianPackages(needs)
  if (packages.length === 0) return
  if (process.getuid?.() !== 0) throw fault('PackagesNeedRoot', { packages })
  say(`installing the Debian packages ${packages.join(' ')}`)
  await uninterrupted(async () => {
    const release = await holdServices(POLICY)
    try {
      await install(packages)
    } finally {
      await release()
    }
  })
}

/** Each package of a dpkg status file with its state, such as `installed` or `half-configured`. */
export function packageStates(status: string): Map<string, string> {
  const entries = status.matchAll(/^Package: (.+)\n(?:(?:Essential|Protected): .+\n)*Status: \S+ \S+ (\S+)$/gm)
  const states = new Map<string, string>()
  // A package may stand there once per architecture; one that is installed is enough.
  for (const [, name, state] of entries) if (states.get(name!) !== 'installed') states.set(name!, state!)
  return states
}

async function install(packages: string[]): Promise<void> {
  // A dpkg that was broken off refuses everything until this has run.
  await mustSucceed(['dpkg', '--configure', '-a'])
  if (await haveLists()) {
    const result = await patiently(aptInstall(packages))
    if (result.code === 0) return
    if (!STALE_LISTS.test(result.stderr)) throw notInstalled(aptInstall(packages), result)
  }
  await mustSucceed(['apt-get', '-q', 'update'])
  await mustSucceed(aptInstall(packages))
}

function aptInstall(packages: readonly string[]): string[] {
  return ['apt-get', 'install', '-y', '--no-install-recommends', ...packages]
}

async function haveLists(): Promise<boolean> {
  const names = await readdir(APT_LISTS).catch(() => [])
  return names.some((name) => name.includes('_Packages'))
}

async function mustSucceed(command: string[]): Promise<void> {
  const result = await patiently(command)
  if (result.code !== 0) throw notInstalled(command, result)
}

/** Runs a command of dpkg or apt; while another program holds their locks, again and again. */
async function patiently(command: string[]): Promise<CommandResult> {
  const [file, ...args] = command
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8', NEEDRESTART_MODE: 'l' }
  const until = systemClock.monotonic() + LOCK_PATIENCE_MS
  for (;;) {
    const result = await run(file!, args, { env, accept: [0, 1, 2, 100], timeout: 3_600_000 })
    if (result.code === 0 || !LOCKED.test(result.stderr) || systemClock.monotonic() > until) return result
    await systemClock.sleep(2_000)
  }
}

function notInstalled(command: string[], { stdout, stderr }: CommandResult) {
  return fault('PackagesNotInstalled', { command: command.join(' '), output: `${stdout}${stderr}`.trim() })
}

/**
 * Where there is no systemd, packages would start their services as plain daemons: a policy file forbids it until
 * the returned function is called. The file lets everything through once the process that wrote it is gone.
 */
export async function holdServices(path: string): Promise<() => Promise<void>> {
  const nothing = async () => undefined
  if (await exists('/run/systemd/system')) return nothing
  for (;;) {
    try {
      await writeFile(path, policyOf(process.pid), { flag: 'wx', mode: 0o755 })
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = /^# kilonova (\d+):/m.exec(await readFile(path, 'utf8').catch(() => ''))?.[1]
    if (owner === undefined && (await exists(path))) return nothing
    if (owner !== undefined && !(await exists(`/proc/${owner}`))) await rm(path, { force: true })
    else await systemClock.sleep(500)
  }
}

function policyOf(pid: number): string {
  return `#!/bin/sh
# kilonova ${pid}: keeps services from starting while it installs packages.
kill -0 ${pid} 2>/dev/null && exit 101
exit 0
`
}

/** Puts signals off until `work` has ended: apt-get gets Ctrl-C itself, and a killed dpkg needs repair. */
async function uninterrupted(work: () => Promise<void>): Promise<void> {
  let got: NodeJS.Signals | undefined
  const note = (signal: NodeJS.Signals) => {
    got = signal
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, note)
  try {
    await work()
  } finally {
    for (const signal of signals) process.off(signal, note)
    if (got) process.kill(process.pid, got)
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function sayOnStderr(line: string): void {
  process.stderr.write(`kilonova: ${line}\n`)
}
