// Writes that are whole after a crash: a temporary file beside the target, synced, then renamed over it.
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemRandom } from './random.ts'

/** Replaces `path` with `content`; readers see the old file or the new one, never a part. */
export async function writeAtomically(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = join(dirname(path), `.${systemRandom.uuid()}.tmp`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(dirname(path))
}

/** Makes renames and new names inside `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
