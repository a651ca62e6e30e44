// Configuration: options declared once with type, default and help; values read from one TOML file.
import { parse, TomlError } from 'smol-toml'

interface Declared<Type extends string, Value> {
  type: Type
  default: Value
  help: string
}
export type Option =
  | (Declared<'string', string> & { choices?: readonly string[]; pattern?: RegExp })
  | (Declared<'integer', number> & { min?: number; max?: number })
  | (Declared<'number', number> & { min?: number; max?: number })
  | Declared<'boolean', boolean>
  | (Declared<'list', readonly string[]> & { choices?: readonly string[] })

/** The options of one TOML table. */
export type OptionTable = Record<string, Option>
/** All tables by their name in the file. */
export type OptionTables = Record<string, OptionTable>

type ValueOf<O extends Option> = O extends { type: 'string' }
  ? string
  : O extends { type: 'integer' | 'number' }
    ? number
    : O extends { type: 'boolean' }
      ? boolean
      : readonly string[]

export type Values<Table extends OptionTable> = { readonly [Key in keyof Table]: ValueOf<Table[Key]> }
export type Config<Tables extends OptionTables> = { readonly [Name in keyof Tables]: Values<Tables[Name]> }

/** A configuration file that cannot be used: says file, line, what is wrong and the nearest valid key. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** The values of a file's text over the defaults. Throws ConfigError on unknown keys and wrong types. */
export function readConfig<Tables extends OptionTables>(
  tables: Tables,
  text = '',
  file = 'kilonova.toml',
): Config<Tables> {
  const given = parseToml(text, file)
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(tables, name) || !isTable(given[name]))
  if (unknown !== undefined) {
    const close = nearest(unknown, Object.keys(tables))
    throw new ConfigError(
      `${file}:${lineOf(text, unknown)}: unknown table [${unknown}]; the nearest valid one is [${close}]`,
    )
  }
  const read = Object.entries(tables).map(([name, table]) => [name, valuesOf(name, table, { given, text, file })])
  return Object.fromEntries(read) as Config<Tables>
}

/** The values of one table, whatever else the text holds. Throws ConfigError on its unknown keys and wrong types. */
export function readTable<Table extends OptionTable>(
  name: string,
  table: Table,
  text: string,
  file: string,
): Values<Table> {
  return valuesOf(name, table, { given: parseToml(text, file), text, file })
}

interface Source {
  given: Record<string, unknown>
  text: string
  file: string
}

function valuesOf<Table extends OptionTable>(name: string, table: Table, { given, text, file }: Source): Values<Table> {
  const values: Record<string, unknown> = {}
  for (const [key, option] of Object.entries(table)) values[key] = option.default
  for (const [key, value] of Object.entries(isTable(given[name]) ? given[name] : {}))
    values[key] = checked(table, name, key, value, `${file}:${lineOf(text, name, key)}`)
  return values as Values<Table>
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    throw new ConfigError(`${file}:${error.line}: not valid TOML: ${error.message.split('\n')[0]}`, { cause: error })
  }
}

function checked(table: OptionTable, name: string, key: string, value: unknown, at: string): unknown {
  const option = table[key]
  if (!option) {
    throw new ConfigError(
      `${at}: unknown key ${name}.${key}; the nearest valid one is ${name}.${nearest(key, Object.keys(table))}`,
    )
  }
  const wrong = whatIsWrong(option, value)
  if (wrong) throw new ConfigError(`${at}: ${name}.${key} ${wrong} (${option.help})`)
  return value
}

function whatIsWrong(option: Option, value: unknown): string | undefined {
  const got = JSON.stringify(value)
  switch (option.type) {
    case 'string':
      if (typeof value !== 'string') return `must be a string, not ${got}`
      if (option.choices && !option.choices.includes(value))
        return `must be one of ${option.choices.join(', ')}, not ${got}`
      if (option.pattern && !option.pattern.test(value)) return `must match ${option.pattern.source}, not ${got}`
      return undefined
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `must be true or false, not ${got}`
    case 'list': {
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
        return `must be a list of strings, not ${got}`
      const { choices } = option
      const allowed = choices === undefined || value.every((item) => choices.includes(item))
      return allowed ? undefined : `takes only ${choices.join(', ')}, not ${got}`
    }
    default: {
      const { min = -Infinity, max = Infinity } = option
      const whole = option.type === 'integer'
      if (typeof value !== 'number' || (whole && !Number.isInteger(value)))
        return `must be ${whole ? 'a whole number' : 'a number'}, not ${got}`
      return value < min || value > max ? `must be from ${min} to ${max}, not ${got}` : undefined
    }
  }
}

function lineOf(text: string, table: string, key?: string): number {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.trim().startsWith(`[${table}]`))
  const header = Math.max(start, 0)
  if (key === undefined) return header + 1
  const offset = lines.slice(header).findIndex((line) => new RegExp(`^\\s*"?${RegExp.escape(key)}"?\\s*=`).test(line))
  return header + Math.max(0, offset) + 1
}

/** The candidate with the fewest edits to `word`. */
export function nearest(word: string, candidates: readonly string[]): string {
  return candidates.toSorted((a, b) => distance(word, a) - distance(word, b))[0] ?? ''
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
