// Every option of a cloud: the tables of its services, and its own.
import { readFile } from 'node:fs/promises'
import type { Config, OptionTables } from '@kilonova/base/options'
import { ConfigError, readConfig, readTable } from '@kilonova/base/options'
import { fakeOptions } from '@kilonova/compute/agent/options'
import { computeOptions } from '@kilonova/compute/options'
import { identityOptions } from '@kilonova/identity/options'
import { imageOptions } from '@kilonova/image/options'
import { networkOptions } from '@kilonova/network/options'
import { fault } from './faults.ts'
import type { ConfiguredPlugin } from './plugins.ts'
import { loadPlugins } from './plugins.ts'
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
  api: {
    idempotency_key_retention: {
      type: 'integer',
      default: 86_400,
      min: 1,
      help: 'seconds for which a request that is sent again with its Idempotency-Key gets the answer of the first time',
    },
  },
  audit: {
    interval: {
      type: 'integer',
      default: 3600,
      help: 'seconds between leak audits that the cloud does by itself; 0 is never',
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
  plugins: {
    modules: {
      type: 'list',
      default: [],
      help: 'plug-ins in their order: paths relative to this file, names of those that we bring, or packages',
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

export interface CloudConfig extends Config<typeof optionTables> {
  /** In the order in which they are named. */
  readonly extensions: readonly ConfiguredPlugin[]
}

/**
 * The file that --config names, or kilonova.toml in the state directory if there is one; with its plug-ins loaded.
 * Throws ConfigUnusable and PluginUnusable.
 */
export async function loadConfig(given: string | undefined, inState: string): Promise<CloudConfig> {
  const text = given === undefined ? await readIfThere(inState) : await readFile(given, 'utf8').catch(unreadable(given))
  try {
    return await configOf(text ?? '', given ?? inState)
  } catch (error) {
    if (error instanceof ConfigError) throw fault('ConfigUnusable', { why: error.message }, error)
    throw error
  }
}

async function configOf(text: string, file: string): Promise<CloudConfig> {
  const { modules } = readTable('plugins', optionTables.plugins, text, file)
  const plugins = await loadPlugins(modules, file, optionTables)
  const theirs: OptionTables = Object.fromEntries(plugins.map(({ name, options }) => [name, options]))
  const config = readConfig({ ...optionTables, ...theirs }, text, file)
  const values = config as Config<OptionTables>
  return { ...config, extensions: plugins.map((plugin) => ({ ...plugin, values: values[plugin.name]! })) }
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
