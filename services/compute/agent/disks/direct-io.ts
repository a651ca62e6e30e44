// Whether a file system knows O_DIRECT: some lack it, some open such files and then fail to write them.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailed, run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'

export async function knowsDirectIo(folder: string): Promise<boolean> {
  const path = join(folder, `.direct-io.${systemRandom.uuid()}.part`)
  try {
    await run('dd', ['if=/dev/zero', `of=${path}`, 'oflag=direct', 'bs=4096', 'count=1', 'status=none'])
    return true
  } catch (error) {
    if (error instanceof CommandFailed && /Invalid argument/.test(error.stderr)) return false
    throw error
  } finally {
    await rm(path, { force: true })
  }
}
