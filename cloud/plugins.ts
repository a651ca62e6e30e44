// Plug-ins: found where the configuration says, and checked as far as that is possible before there is a cloud.
import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Option, OptionTable, OptionTables, Values } from '@kilonova/base/options'
import { nearest } from '@kilonova/base/options'
import type { Compute } from '@kilonova/compute/compute'
import type { ActivePlugin, Extension, Plugin } from '@kilonova/compute/plugin'
import type { ServiceSchema } from '@kilonova/store/schema'
import { fault } from './faults.ts'

export interface LoadedPlugin extends Plugin {
  /** As the configuration names it. */
  readonly module: string
}

export interface ConfiguredPlugin extends LoadedPlugin {
  /** What the configuration says in the plug-in's own table. */
  readonly values: Values<OptionTable>
}

const SHIPPED = join(import.meta.dirname, '../plugins')
/** What every plug-in imports from this cloud, wherever the plug-in lies. */
const OURS = /^(@kilonova\/|kysely$)/

let resolving = false

/** A plug-in may lie outside of our tree, where Node would find none of our packages. */
function resolveOurs(): void {
  if (resolving) return
  resolving = true
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, OURS.test(specifier) ? { ...context, parentURL: import.meta.url } : context),
  })
}

/** In the order of the names; those of `tables` are taken. Paths are relative to the configuration file. */
export async function loadPlugins(
  modules: readonly string[],
  file: string,
  tables: OptionTables,
): Promise<LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = []
  if (modules.length > 0) resolveOurs()
  for (const module of modules) {
    const plugin = shaped(module, await imported(module, file))
    const names = [...Object.keys(tables), ...loaded.map(({ name }) => name)]
    if (names.includes(plugin.name))
      throw unusable(
        module,
        `its name ${plugin.name} is taken`,
        'Load each plug-in once; name it like no table of options.',
      )
    loaded.push({ ...plugin, module })
  }
  return loaded
}

function unusable(module: string, why: string, mend: string, cause?: unknown): Error {
  return fault('PluginUnusable', { module, why, mend }, cause)
}

/** A path, one of those that we bring, or a package. */
function specifierOf(module: string, file: string): string {
  const shipped = join(SHIPPED, module, 'plugin.ts')
  const path = /^[./]/.test(module) ? resolve(dirname(file), module) : shipped
  if (existsSync(path)) return pathToFileURL(path).href
  if (path !== shipped) throw missing(module)
  return module
}

const missing = (module: string, cause?: unknown): Error =>
  unusable(
    module,
    'there is no such file or package',
    'Write a path relative to the configuration file, the name of a plug-in that we bring, or that of an installed package.',
    cause,
  )

async function imported(module: string, file: string): Promise<unknown> {
  const specifier = specifierOf(module, file)
  try {
    return ((await import(specifier)) as { default?: unknown }).default
  } catch (error) {
    const { message, code, stack } = error as NodeJS.ErrnoException
    if (code === 'ERR_MODULE_NOT_FOUND' && message.startsWith(`Cannot find package '${module}'`))
      throw missing(module, error)
    throw unusable(module, `loading it fails: ${message}`, `Mend it${placeIn(stack)}.`, error)
  }
}

/** Where the first line that names a place in a file says that it failed. */
function placeIn(stack = ''): string {
  const [, file, line] = /(?:^|[\s(]|file:\/\/)(\/[^\s():]+):(\d+)/m.exec(stack) ?? []
  return file === undefined ? '' : ` at ${file}:${line}`
}

/** What a module exports that does without definePlugin. */
const withDefaults = (exported: object): Plugin => ({ ...DEFAULTS, ...exported }) as Plugin
const DEFAULTS: Partial<Plugin> = { options: {}, schema: [] }

const NAME = /^[a-z][a-z0-9-]*$/
const KEYS = ['name', 'options', 'schema', 'extend']

function shaped(module: string, exported: unknown): Plugin {
  const refuse = (why: string, mend: string): never => {
    throw unusable(module, why, mend)
  }
  if (typeof exported !== 'object' || exported === null)
    return refuse('its default export is no plug-in', 'Write: export default definePlugin({ … }).')
  const plugin = withDefaults(exported)
  const unknown = Object.keys(plugin).find((key) => !KEYS.includes(key))
  if (unknown !== undefined)
    return refuse(
      `there is nothing that ${unknown} of a plug-in would be`,
      `The nearest key is ${nearest(unknown, KEYS)}.`,
    )
  if (typeof plugin.name !== 'string' || !NAME.test(plugin.name))
    return refuse(`its name ${JSON.stringify(plugin.name)} is none`, 'Use small letters, digits and hyphens.')
  if (typeof plugin.extend !== 'function')
    return refuse('it has no function extend', 'Let extend return what the plug-in adds.')
  const option = Object.entries(plugin.options).find(([, declared]) => !isOption(declared))
  if (option) return refuse(`its option ${option[0]} is none`, 'Give it a type, a default and a help.')
  const step = plugin.schema.find(({ name, up }) => typeof name !== 'string' || typeof up !== 'function')
  if (step)
    return refuse('one of its schema steps has no name or no up', 'Write: { name: "0001-…", up: async (db) => … }.')
  return plugin
}

function isOption({ type, help, default: value }: Partial<Option>): boolean {
  return TYPES.includes(type ?? '') && typeof help === 'string' && value !== undefined
}

const TYPES = ['string', 'integer', 'number', 'boolean', 'list']

/** The plug-ins' tables, for `db sync`. */
export function pluginSchemas(plugins: readonly Plugin[]): ServiceSchema[] {
  return plugins
    .filter(({ schema }) => schema.length > 0)
    .map(({ name, schema }) => ({ service: `plugin-${name}`, steps: schema }))
}

/** Each is asked what it adds, and checked against compute and those before it. Throws PluginUnusable. */
export async function activatePlugins(plugins: readonly ConfiguredPlugin[], compute: Compute): Promise<ActivePlugin[]> {
  const active: ActivePlugin[] = []
  if (plugins.length === 0) return active
  const { checkPlugin } = await import('@kilonova/compute/check-plugin')
  for (const plugin of plugins) {
    const one = { ...extended(plugin), name: plugin.name }
    const wrong = checkPlugin(one, { ...compute, plugins: active })
    if (wrong) throw unusable(plugin.module, wrong.why, wrong.mend)
    active.push(one)
  }
  return active
}

function extended({ module, values, extend }: ConfiguredPlugin): Extension {
  let added: unknown
  try {
    added = extend(values)
  } catch (error) {
    throw unusable(module, `its extend fails: ${(error as Error).message}`, 'Mend it, or what its options say.', error)
  }
  if (typeof added === 'object' && added !== null && !('then' in added)) return added as Extension
  throw unusable(module, 'its extend answers no object', 'Let it return what the plug-in adds; it may not be async.')
}
