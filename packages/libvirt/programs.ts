// Which programs this machine has.
import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { machine } from 'node:os'
import { join } from 'node:path'

function searched(): string[] {
  const own = (process.env['PATH'] ?? '').split(':').filter((path) => path.startsWith('/'))
  return [...new Set([...own, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'])]
}

/** A program's full path, also where it is one that only root has in its PATH. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const directory of searched()) {
    const path = join(directory, name)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return path
  }
  return undefined
}

/** The emulators of other machines than this one. */
export async function otherEmulators(): Promise<string[]> {
  const native = `qemu-system-${machine()}`
  const found = new Set<string>()
  for (const directory of searched()) {
    const names = await readdir(directory).catch(() => [])
    for (const name of names) {
      if (/^qemu-system-[a-z0-9_]+$/.test(name) && name !== native) found.add(join(directory, name))
    }
  }
  return [...found]
}
