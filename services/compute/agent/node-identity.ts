// What a host keeps to know itself again: the compute node's uuid, and the boot during which its guests were last looked after.
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { isUuid } from '@kilonova/base/ids'
import { type Random, systemRandom } from '@kilonova/base/random'

/** Reads the uuid in `path`, or makes one. A file that holds anything else is an error: the node must not change. */
export async function nodeUuid(path: string, random: Random = systemRandom): Promise<string> {
  const kept = await readIfThere(path)
  if (kept === undefined) {
    const uuid = random.uuid()
    await writeAtomically(path, `${uuid}\n`)
    return uuid
  }
  if (!isUuid(kept.trim())) throw new Error(`${path} does not hold a uuid: restore it, or remove it for a new node`)
  return kept.trim()
}

/** Which boot of the host this is, beside the one that is noted. */
export interface HostBoot {
  /** True when the host has booted since `keep` was last called. False at the very first start. */
  isNew(): Promise<boolean>
  /** Notes the present boot: what a new one asks for has been asked for. */
  keep(): Promise<void>
}

const KERNEL_BOOT_ID = '/proc/sys/kernel/random/boot_id'

/** The boot noted in `path`; `id` tells the present one, by default as the kernel does. */
export function hostBoot(path: string, id = (): Promise<string> => readFile(KERNEL_BOOT_ID, 'utf8')): HostBoot {
  const now = async (): Promise<string> => (await id()).trim()
  return {
    async isNew() {
      const kept = await readIfThere(path)
      return kept !== undefined && kept.trim() !== (await now())
    },
    keep: async () => writeAtomically(path, `${await now()}\n`),
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
}
