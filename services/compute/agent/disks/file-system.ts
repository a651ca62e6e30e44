// File systems that guests get on blank disks.
import { CommandFailed, run } from '@kilonova/base/command'
import type { FILE_SYSTEMS } from '../../disk-words.ts'
import { fault } from '../faults.ts'

const EXT = (label: string): string[] => ['-q', '-F', '-L', label]

/** Arguments, before the path. */
const MKFS: Record<(typeof FILE_SYSTEMS)[number], (label: string) => string[]> = {
  ext2: EXT,
  ext3: EXT,
  ext4: EXT,
  xfs: (label) => ['-q', '-f', '-L', label],
  vfat: (label) => ['-n', label],
  ntfs: (label) => ['--force', '--fast', '--label', label],
}

const PATIENCE = 600_000

/** The raw bytes at the path become an empty file system. */
export async function makeFileSystem(path: string, { type, label }: { type: string; label: string }): Promise<void> {
  const options = (MKFS as Partial<Record<string, (label: string) => string[]>>)[type]
  if (!options) throw fault('GuestInvalid', { why: `${type} format is not supported` })
  await mkfs(`mkfs.${type}`, [...options(label), path], type)
}

export function makeSwap(path: string): Promise<void> {
  return mkfs('mkswap', [path], 'swap')
}

async function mkfs(program: string, args: string[], type: string): Promise<void> {
  try {
    await run(program, args, { timeout: PATIENCE, endsWithUs: true })
  } catch (error) {
    const isMissing = error instanceof CommandFailed && (error.cause as NodeJS.ErrnoException)?.code === 'ENOENT'
    throw isMissing ? fault('FileSystemUnavailable', { type, program }, error) : error
  }
}
