// A lock that a process holds until it ends, however it ends: an exclusive transaction on a small SQLite file.
import { DatabaseSync } from 'node:sqlite'

export interface Lock {
  release(): void
}

/** Takes the lock at `path`, or returns undefined while another process holds it. */
export function takeLock(path: string): Lock | undefined {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && /locked/.test(error.message)) return undefined
    throw error
  }
  return { release: () => database.close() }
}
