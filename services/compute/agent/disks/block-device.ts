// What a block device of the host is, and who uses it.
import { access, constants, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { mounts } from './mounts.ts'

export interface BlockDevice {
  /** Bytes; 0 while it is not there. */
  size: number
  rotational: boolean
}

const SECTOR = 512
const NOT_THERE: BlockDevice = { size: 0, rotational: false }

/** Where the kernel speaks of the device; undefined for what is no block device. */
async function sysfsOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found?.isBlockDevice()) return undefined
  return realpath(join('/sys/dev/block', numberOf(found.rdev)))
}

/** `major:minor`, from the kernel's packed form. */
function numberOf(rdev: number): string {
  const packed = BigInt(rdev)
  const major = ((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n)
  const minor = (packed & 0xffn) | ((packed >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}

export async function blockDevice(path: string): Promise<BlockDevice> {
  const sysfs = await sysfsOf(path)
  if (!sysfs) return NOT_THERE
  const number = async (name: string): Promise<number> => Number(await readFile(join(sysfs, name), 'utf8'))
  return {
    size: (await number('size')) * SECTOR,
    rotational: (await isFile(sysfs, 'queue/rotational')) && (await number('queue/rotational')) === 1,
  }
}

/** Why the device cannot be handed to a guest; null when it can. */
export async function troubleOf(path: string): Promise<string | null> {
  const sysfs = await sysfsOf(path)
  if (!sysfs) return 'is not there, or is no block device'
  if (await isFile(sysfs, 'partition')) return 'is a partition, not a whole device'
  if ((await readFile(join(sysfs, 'ro'), 'utf8')).trim() === '1') return 'is read-only'
  const names = await readdir(sysfs)
  const partitions: string[] = []
  for (const name of names) if (await isFile(join(sysfs, name), 'partition')) partitions.push(name)
  for (const at of ['', ...partitions]) {
    const why = await useOf(join(sysfs, at))
    if (why) return at === '' ? why : `has the partition ${at}, which ${why}`
  }
  return (await isHeld(path)) ? 'is held by another program' : signatureOf(path)
}

/** Who uses the device or partition that the kernel speaks of there. */
async function useOf(sysfs: string): Promise<string | undefined> {
  const number = (await readFile(join(sysfs, 'dev'), 'utf8')).trim()
  const mounted = (await mounts()).find(({ device }) => device === number)
  if (mounted) return `is mounted on ${mounted.path}`
  const holders = await readdir(join(sysfs, 'holders')).catch(() => [])
  if (holders.length > 0) return `is in use by ${holders.join(', ')}`
  return (await isSwap(number)) ? 'is swap space' : undefined
}

async function isSwap(number: string): Promise<boolean> {
  const [, ...lines] = (await readFile('/proc/swaps', 'utf8')).split('\n').filter(Boolean)
  for (const line of lines) {
    const swap = await stat(line.split(/\s/)[0]!).catch(() => undefined)
    if (swap?.isBlockDevice() && numberOf(swap.rdev) === number) return true
  }
  return false
}

/** Looks under way: two at once would each take the other for a program that holds the device. */
const looks = new Map<string, Promise<boolean>>()

function isHeld(path: string): Promise<boolean> {
  const look = looks.get(path) ?? failsToOpenAlone(path).finally(() => looks.delete(path))
  looks.set(path, look)
  return look
}

/** The kernel gives a device to one exclusive opener: mounts (also in other namespaces), RAID and LVM are such. */
async function failsToOpenAlone(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_EXCL)).close()
    return false
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return true
    throw error
  }
}

/** Members of volume groups and RAIDs belong to somebody though nobody uses them now. */
const MEMBERS: Record<string, string> = {
  LVM2_member: 'is a physical volume of LVM',
  linux_raid_member: 'is a member of a RAID',
  bcache: 'belongs to bcache',
  zfs_member: 'belongs to a ZFS pool',
}

async function signatureOf(path: string): Promise<string | null> {
  const { stdout } = await run('blkid', ['-p', '-s', 'TYPE', '-o', 'value', path], { accept: [0, 2, 8] })
  return MEMBERS[stdout.trim()] ?? null
}

function isFile(folder: string, name: string): Promise<boolean> {
  return access(join(folder, name)).then(
    () => true,
    () => false,
  )
}
