// Builds kilonova-tiny, the image of a new cloud, from Debian packages: no root, no mounts, no loop devices.
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeAtomically } from '@kilonova/base/atomic-file'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { makeBootDisk } from './boot-disk.ts'
import { archiveStamp, type DebianPackage, findPackages, unpackPackages } from './debian-packages.ts'
import { fault } from './faults.ts'
import { findKernel, makeInitramfs } from './initramfs.ts'

const GUEST = join(import.meta.dirname, 'guest')
const IMAGE = 'kilonova-tiny.qcow2'
const DESCRIPTION = 'image.json'
const NEWEST = 'newest.json'
const BUILDING = '.building-'
const HOUR = 3_600_000
const TOOLS = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  mformat: 'mtools',
  'qemu-img': 'qemu-utils',
  syslinux: 'syslinux',
}

export interface GuestImage {
  name: 'kilonova-tiny'
  path: string
  format: 'qcow2'
  /** Of the file, in hex. */
  sha512: string
  /** Of the file, in bytes. */
  size: number
  /** Of the disk that the guest sees, in bytes. */
  virtualSize: number
  /** In MiB, as Glance's min_ram. */
  minRam: number
  /** In GiB, as Glance's min_disk. */
  minDisk: number
  /** What it is made of. */
  packages: DebianPackage[]
}

export interface BuildOptions {
  /** Keeps finished images, one folder per fingerprint of their inputs. Made if missing. */
  directory: string
  log: (line: string) => void
}

/**
 * Returns the image, building it if its inputs (these sources, the guest's files, the newest Debian packages) changed.
 * Any number of calls and processes may share a directory; a build that dies leaves nothing that counts.
 * Throws the faults of faults.ts.
 */
export async function buildGuestImage({ directory, log }: BuildOptions): Promise<GuestImage> {
  if (process.arch !== 'x64') throw fault('GuestArchitectureUnsupported', { architecture: process.arch })
  await mkdir(directory, { recursive: true })
  const sources = await hashOfSources()
  const stamp = createHash('sha256')
    .update(`${sources}\n${await archiveStamp()}`)
    .digest('hex')
  const known = await newestFor(directory, stamp)
  if (known) return known

  await checkTools()
  const packages = await findPackages()
  const fingerprint = createHash('sha256')
    .update(`${sources}\n${JSON.stringify(packages)}`)
    .digest('hex')
    .slice(0, 16)
  const image = (await readImage(directory, fingerprint)) ?? (await build({ directory, log, fingerprint, packages }))
  await writeAtomically(join(directory, NEWEST), JSON.stringify({ stamp, fingerprint }))
  return image
}

async function build({
  directory,
  log,
  fingerprint,
  packages,
}: BuildOptions & { fingerprint: string; packages: DebianPackage[] }): Promise<GuestImage> {
  await removeAbandoned(directory)
  const work = join(directory, `${BUILDING}${systemRandom.uuid()}`)
  const root = join(work, 'root')
  const finished = join(work, 'finished')
  try {
    await mkdir(finished, { recursive: true })
    log(`downloading ${packages.map(({ name }) => name).join(', ')}`)
    await unpackPackages(packages, { directory: join(work, 'packages'), root })
    log('assembling the initramfs')
    const initramfs = await makeInitramfs({ root, guest: GUEST, version: fingerprint })
    log('making the disk')
    const kernel = await readFile(await findKernel(root))
    await makeBootDisk(join(finished, IMAGE), { directory: work, kernel, initramfs })
    await describe(finished, packages)
    await publish(finished, join(directory, fingerprint))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  const image = await readImage(directory, fingerprint)
  if (!image) throw new Error(`the image just built is not in ${directory}/${fingerprint}`)
  log(`${image.path}: ${(image.size / 1e6).toFixed(1)} MB`)
  return image
}

async function describe(finished: string, packages: DebianPackage[]): Promise<void> {
  const path = join(finished, IMAGE)
  const content = await readFile(path)
  const { stdout } = await run('qemu-img', ['info', '--output=json', path])
  const description: Omit<GuestImage, 'path'> = {
    name: 'kilonova-tiny',
    format: 'qcow2',
    sha512: createHash('sha512').update(content).digest('hex'),
    size: content.length,
    virtualSize: (JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'],
    minRam: 192,
    minDisk: 1,
    packages,
  }
  await writeAtomically(join(finished, DESCRIPTION), JSON.stringify(description, null, 2))
}

/** Gives the finished folder its name. Another process may have been first: then its image stays. */
async function publish(finished: string, target: string): Promise<void> {
  const file = await open(join(finished, IMAGE), 'r')
  await file.sync().finally(() => file.close())
  await syncDirectory(finished)
  try {
    await rename(finished, target)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  await syncDirectory(join(target, '..'))
}

async function readImage(directory: string, fingerprint: string): Promise<GuestImage | undefined> {
  const path = join(directory, fingerprint, IMAGE)
  try {
    const description = JSON.parse(await readFile(join(directory, fingerprint, DESCRIPTION), 'utf8')) as GuestImage
    const { size } = await stat(path)
    return size === description.size ? { ...description, path } : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function newestFor(directory: string, stamp: string): Promise<GuestImage | undefined> {
  const text = await readFile(join(directory, NEWEST), 'utf8').catch(() => '{}')
  const newest = JSON.parse(text) as { stamp?: string; fingerprint?: string }
  return newest.stamp === stamp && newest.fingerprint ? readImage(directory, newest.fingerprint) : undefined
}

/** Of the recipe and of the guest's files, with their names. */
async function hashOfSources(): Promise<string> {
  const hash = createHash('sha256')
  const names = await readdir(import.meta.dirname, { recursive: true })
  for (const name of names.filter((name) => !name.endsWith('.test.ts')).sort()) {
    const path = join(import.meta.dirname, name)
    if ((await stat(path)).isFile())
      hash
        .update(`${name}\0`)
        .update(await readFile(path))
        .update('\0')
  }
  return hash.digest('hex')
}

async function checkTools(): Promise<void> {
  for (const [tool, debianPackage] of Object.entries(TOOLS)) {
    try {
      await run(tool, ['--version'])
    } catch (error) {
      const { cause } = error as Error
      if ((cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') continue // it is there, whatever it answers
      throw fault('GuestImageToolMissing', { tool, debianPackage }, error)
    }
  }
}

/** Work folders of builds that died. A living build takes minutes at most. */
async function removeAbandoned(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(BUILDING)) continue
    const { mtimeMs } = await stat(join(directory, name)).catch(() => ({ mtimeMs: Infinity }))
    if (systemClock.now() - mtimeMs > HOUR) await rm(join(directory, name), { recursive: true, force: true })
  }
}
