// Files that appear whole or not at all: made beside their place, then renamed.
import { access, chmod, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '@kilonova/base/atomic-file'
import { systemRandom } from '@kilonova/base/random'

export async function fileExists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

type Make = (temporary: string) => Promise<void>

/** Has `make` write to a temporary path and puts the result at `path`. What is left of a crash ends with `.part`. */
export async function makeWhole(path: string, make: Make, mode = 0o600): Promise<void> {
  const temporary = `${path}.${systemRandom.uuid()}.part`
  try {
    await make(temporary)
    await chmod(temporary, mode)
    await syncFile(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
