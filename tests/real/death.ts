// Where a cloud's process is to die: at a deed towards the world outside, found by what was done before it.
import { fileURLToPath } from 'node:url'

export interface Death {
  /** Patterns of deeds, to be done one after the other; the last is that of the death. `commit TABLE …` is one, too. */
  path: string[]
  /** Begun: a program that it starts outlives it. A commit that was begun is done. */
  when: 'before' | 'begun'
  /** A file: until it is there nothing counts. */
  armed: string
}

const PRELOADED = fileURLToPath(new URL('./die-at.ts', import.meta.url))

/** The environment of a process that dies so. */
export function dyingAt(death: Death): Record<string, string> {
  return { NODE_OPTIONS: `--import=${PRELOADED}`, KILONOVA_TEST_DEATH: JSON.stringify(death) }
}
