// Every option of a cloud: the tables of its services, and its own.
import { readFile } from 'node:fs/promises'
import type { Config, OptionTables } from '@kilonova/base/options'
import { ConfigError, readConfig } from '@kilonova/base/options'
import { fakeOptions } from '@kilonova/compute/agent/options'
import { computeOptions } from '@kilonova/compute/options'
import { identityOptions } from '@kilonova/identity/options'
import { imageOptions } from '@kilonova/image/options'
import { networkOptions } from '@kilonova/network/options'
import { fault } from './faults.ts'
import { readIfThere } from './state-directory.ts'

export const optionTables = {
  ...computeOptions,
  fake: fakeOptions,
  identity: identityOptions,
  image: imageOptions,
  network: networkOptions,
  database: {
    url: {
      type: 'string',
      default: 'sqlite:',
      help: 'sqlite: (a file in the state directory) or postgres://user:password@host/name',
    },
    pool_size: { type: 'integer', default: 10, min: 1, help: 'connections to PostgreSQL at most' },
    synchronous: {
      type: 'string',
      default: 'FULL',
      choices: ['FULL', 'NORMAL'],
      help: 'SQLite: FULL survives a power cut, NORMAL only the death of the process',
    },
  },
  bus: {
    url: {
      type: 'string',
      default: 'local:',
      choices: ['local:'],
      help: 'how processes speak; local: is inside one process',
    },
  },
  log: {
    level: {
      type: 'string',
      default: 'info',
      choices: ['trace', 'debug', 'info', 'warn', 'error'],
      help: 'the least important lines that are written',
    },
  },
} as const satisfies OptionTables

export type CloudConfig = Config<typeof optionTables>

/** The file that --config names, or kilonova.toml in the state directory if there is one. Throws ConfigUnusable. */
export async function loadConfig(given: string | undefined, inState: string): Promise<CloudConfig> {
  const text = given === undefined ? await readIfThere(inState) : await readFile(given, 'utf8').catch(unreadable(given))
  try {
    return readConfig(optionTables, text ?? '', given ?? inState)
  } catch (error) {
    if (error instanceof ConfigError) throw fault('ConfigUnusable', { why: error.message }, error)
    throw error
  }
}

function unreadable(path: string) {
  return (error: unknown): never => {
    throw fault(
      'ConfigUnusable',
      { why: `${path} cannot be read: ${error instanceof Error ? error.message : error}` },
      error,
    )
  }
}
