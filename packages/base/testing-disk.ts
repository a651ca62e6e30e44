// A disk for tests to fill: a file system of its own in memory, gone afterwards.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.ts'

/** The options of a test that mounts a file system. */
export const mayMount: { skip: string | false } = { skip: process.getuid?.() !== 0 && 'mounts a file system' }

export interface SmallDisk {
  /** Where it is mounted. */
  directory: string
  /** Takes all room that is left. */
  fill(): Promise<void>
  /** Gives back what `fill` took. */
  free(): Promise<void>
}

/** Runs `work` with an empty file system of so many megabytes. */
export async function onSmallDisk(megabytes: number, work: (disk: SmallDisk) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0711`, 'tmpfs', directory])
  const filler = join(directory, 'filler')
  try {
    await work({
      directory,
      async fill() {
        const whole = Buffer.alloc(megabytes * 1024 * 1024, 'x')
        await writeFile(filler, whole).catch((error) => {
          if (error.code !== 'ENOSPC') throw error
        })
      },
      free: () => rm(filler),
    })
  } finally {
    await run('umount', ['--lazy', directory]) // what a failed test still has open must not hide why it failed
    await rm(directory, { recursive: true })
  }
}
