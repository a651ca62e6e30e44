// The Debian packages that the guest is made of: found, downloaded and unpacked by apt and dpkg, not installed.
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, run } from '@kilonova/base/command'
import { fault } from './faults.ts'

/** The host's Debian packages that building the image needs. */
export const HOST_PACKAGES: readonly string[] = ['apt', 'dpkg', 'mtools', 'qemu-utils', 'syslinux']

const KERNEL = 'linux-image-cloud-amd64'
const GUEST_PROGRAMS = ['busybox-static', 'dropbear-bin']
/** The DHCPv6 client, which busybox lacks, and its library: what else Debian has them depend on serves their set-up. */
const TAKEN_ALONE = ['wide-dhcpv6-client', 'libfl2']
const ARCHIVE_LISTS = '/var/lib/apt/lists'
const ONLY_DEPENDS = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
  (kind) => `--no-${kind}`,
)
// Messages are read below, so they must not be translated.
const env = { ...process.env, LC_ALL: 'C.UTF-8' }

export interface DebianPackage {
  name: string
  version: string
}

/** The newest versions of the kernel, of the guest's programs and of their libraries, sorted by name. */
export async function findPackages(): Promise<DebianPackage[]> {
  const depends = await dependencies([KERNEL, ...GUEST_PROGRAMS])
  const kernel = depends.get(KERNEL)?.find((name) => name.startsWith('linux-image-'))
  if (!kernel) throw fault('DebianPackageUnknown', { name: KERNEL })
  const names = new Set([kernel, ...TAKEN_ALONE])
  const add = (name: string): void => {
    if (names.has(name)) return
    names.add(name)
    for (const needed of depends.get(name) ?? []) add(needed)
  }
  GUEST_PROGRAMS.forEach(add)
  return versions([...names].filter((name) => !name.startsWith('<')).sort())
}

/** What apt says of each package: the names it depends on. */
async function dependencies(roots: readonly string[]): Promise<Map<string, string[]>> {
  const { stdout } = await run('apt-cache', ['depends', '--recurse', ...ONLY_DEPENDS, ...roots], {
    env,
    accept: [0, 100],
  })
  const found = new Map<string, string[]>()
  let current: string[] = []
  for (const line of stdout.split('\n')) {
    const depends = /^ *\|?(?:Pre)?Depends: (\S+)/.exec(line)
    if (depends) current.push(depends[1]!)
    else if (/^\S/.test(line)) {
      current = []
      found.set(line.trim(), current)
    }
  }
  const missing = roots.find((name) => !found.has(name))
  if (missing) throw fault('DebianPackageUnknown', { name: missing })
  return found
}

async function versions(names: readonly string[]): Promise<DebianPackage[]> {
  const { stdout } = await run('apt-cache', ['policy', ...names], { env })
  const found: DebianPackage[] = []
  for (const block of stdout.split(/^(?=\S)/m)) {
    const [, name, version] = /^(\S+?):\n.*?Candidate: (\S+)/s.exec(block) ?? []
    if (name && version && version !== '(none)') found.push({ name, version })
  }
  const missing = names.find((name) => !found.some((one) => one.name === name))
  if (missing) throw fault('DebianPackageUnknown', { name: missing })
  return found
}

/** A text that changes when apt's knowledge of its archives does; cheap to make. */
export async function archiveStamp(): Promise<string> {
  const names = await readdir(ARCHIVE_LISTS).catch(() => [])
  const indexes = names.filter((name) => /_(InRelease|Release|Packages)(\.\w+)?$/.test(name)).sort()
  const stamps = indexes.map(async (name) => {
    const { size, mtimeMs } = await stat(join(ARCHIVE_LISTS, name))
    return `${name} ${size} ${mtimeMs}`
  })
  return (await Promise.all(stamps)).join('\n')
}

/** Downloads the packages into `directory` and unpacks them, one over the other, into `root`. */
export async function unpackPackages(
  packages: readonly DebianPackage[],
  { directory, root }: { directory: string; root: string },
): Promise<void> {
  await mkdir(directory, { recursive: true })
  await mkdir(root, { recursive: true })
  const wanted = packages.map(({ name, version }) => `${name}=${version}`)
  // The sandbox user may not write here; a download by root says so at length otherwise.
  const options = ['-q', '-o', 'APT::Sandbox::User=', '-o', 'Acquire::Retries=3']
  try {
    await run('apt-get', [...options, 'download', ...wanted], { env, cwd: directory, timeout: 600_000 })
  } catch (error) {
    if (!(error instanceof CommandFailed) || error.code === null) throw error
    throw fault('DebianArchiveUnreachable', { names: wanted }, error)
  }
  for (const file of (await readdir(directory)).filter((name) => name.endsWith('.deb')).sort()) {
    await run('dpkg-deb', ['-x', join(directory, file), root])
  }
}
