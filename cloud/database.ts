// The database of a cloud: where it lies and how it is opened.
import { closeSync, openSync } from 'node:fs'
import type { Store } from '@kilonova/store/store'
import { openStore } from '@kilonova/store/store'
import type { CloudConfig } from './config.ts'
import type { StateDirectory } from './state-directory.ts'

export interface DatabaseNeeds {
  config: CloudConfig
  state: StateDirectory
  /** Nothing is written to disk. */
  memory?: boolean
}

/** The file of an SQLite database; undefined for one in memory and for PostgreSQL. */
export function databaseFile({ config, state, memory }: DatabaseNeeds): string | undefined {
  const { url } = config.database
  if (memory || !url.startsWith('sqlite:')) return undefined
  return url.slice('sqlite:'.length) || state.database
}

export function openDatabase(needs: DatabaseNeeds): Store {
  const { config, memory } = needs
  const { url, pool_size: poolSize, synchronous } = config.database
  const file = databaseFile(needs) ?? (memory ? ':memory:' : undefined)
  // It holds the keys of tokens and the hashes of passwords; SQLite gives its other files the mode of this one.
  if (file !== undefined && file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
  return openStore({
    url: file === undefined ? url : `sqlite:${file}`,
    poolSize,
    synchronous: synchronous as 'FULL' | 'NORMAL',
  })
}
