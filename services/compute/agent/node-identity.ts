// The compute node's uuid: made at the first start and kept in a file on the host.
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { isUuid } from '@kilonova/base/ids'
import { type Random, systemRandom } from '@kilonova/base/random'

/** Reads the uuid in `path`, or makes one. A file that holds anything else is an error: the node must not change. */
export async function nodeUuid(path: string, random: Random = systemRandom): Promise<string> {
  const kept = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (kept === undefined) {
    const uuid = random.uuid()
    await writeAtomically(path, `${uuid}\n`)
    return uuid
  }
  if (!isUuid(kept.trim())) throw new Error(`${path} does not hold a uuid: restore it, or remove it for a new node`)
  return kept.trim()
}
