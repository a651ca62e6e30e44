// Makes requests that nobody means: ids of nothing and of other things, wrong types, odd texts, where a schema asks for others.
import type { Random } from '@kilonova/base/random'
import { pick, seededRandom } from '@kilonova/base/random'

const WRONG_TEXTS = [
  ...['', ' ', '0', '-1', '1e999', 'NaN', 'null', '[]', '{}', '%', '_', "'", '"', '\\', '../..', 'a/b', 'a,b', 'a:b'],
  ...['\u0000', '\ud800', '\u{1f600}', 'é'.repeat(300), 'x'.repeat(70_000), '9'.repeat(40), '2026-13-45T99:99:99Z'],
  ...['in:', 'in:"', 'gt:x', '::', '::ffff:1.2.3.4', '10.0.0.0/99', '1.2.3.4/0', 'fe80::1%eth0', '00:00:00:00:00:0g'],
  ...['__proto__', 'constructor', 'toString', '<or>', '<in>', '=SQRT(1)', '\r\nX-Header: 1', '9007199254740993'],
]
const WRONG_VALUES: unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, [], {}, [[]], [null], [{}], [[[1]]]],
  ...[{ '': '' }, JSON.parse('{"__proto__": {"x": 1}}'), { constructor: 1 }, { a: { b: { c: {} } } }],
]
const NUMBERS = [0, 1, 2, 7, 4096, -1, 2 ** 31, 2 ** 53]
const EVERYWHERE = ['limit', 'marker', 'sort_key', 'fields', 'name', 'unknown']
const DEEPEST = 8

/** The part of JSON Schema that our schemas are written in. */
export interface Schema {
  [key: string]: unknown
  type?: string | string[]
  anyOf?: Schema[]
  enum?: unknown[]
  properties?: Record<string, Schema>
  items?: Schema
  required?: string[]
}

/** Names of things that there are, by the word before them in paths. */
export type Things = Readonly<Record<string, readonly string[]>>

/** The same requests for the same seed. */
export class WrongRequest {
  readonly #random: Random
  readonly #things: Things
  readonly #names: readonly string[]
  /** How often a value is another than the schema's. */
  readonly #wrong: number

  constructor(seed: number, things: Things) {
    this.#random = seededRandom(seed)
    this.#things = things
    this.#names = Object.values(things).flat()
    this.#wrong = pick(this.#random, [0.01, 0.05, 0.2])
  }

  chance(share: number): boolean {
    return this.#random.float() < share
  }

  /** Mostly of a thing that there is, as far as the path says what kind of thing. */
  path(path: string): string {
    return path.replaceAll(/(?:([\w-]+)\/)?(:\w+|\*)/g, (_, kind?: string) => {
      const right = kind === undefined ? undefined : this.#things[kind]
      const name = right?.length && this.chance(0.8) ? pick(this.#random, right) : this.#text()
      return `${kind === undefined ? '' : `${kind}/`}${encodeURIComponent(name.toWellFormed()).slice(0, 2000) || '%20'}`
    })
  }

  /** With the question mark; empty when nothing is asked. */
  query(schema: Schema | undefined): string {
    const names = [...Object.keys(schema?.properties ?? {}), ...EVERYWHERE].filter(() => this.chance(0.25))
    if (names.length === 0) return ''
    const asked = names.map((name) => [name, this.#text().slice(0, 300).toWellFormed()])
    return `?${new URLSearchParams(asked as [string, string][])}`
  }

  /** Undefined: no body. */
  body(schema: Schema | undefined): string | undefined {
    if (schema === undefined && this.chance(0.5)) return undefined
    const value = this.#value(schema ?? {}, 0)
    return this.chance(0.03) ? '{"a":' : JSON.stringify(value)
  }

  #text(): string {
    if (this.chance(0.5)) return pick(this.#random, this.#names)
    return this.chance(0.3) ? this.#random.uuid() : pick(this.#random, WRONG_TEXTS)
  }

  #anything(): unknown {
    return this.chance(0.5) ? pick(this.#random, WRONG_VALUES) : this.#text()
  }

  #value(schema: Schema, depth: number): unknown {
    if (depth > DEEPEST) return null
    if (this.chance(this.#wrong)) return this.#anything()
    if ('const' in schema) return schema['const']
    if (schema.enum) return pick(this.#random, schema.enum)
    if (schema.anyOf) return this.#value(pick(this.#random, schema.anyOf), depth)
    return this.#typed([schema.type].flat(), schema, depth)
  }

  #typed(types: (string | undefined)[], schema: Schema, depth: number): unknown {
    switch (pick(this.#random, types)) {
      case 'object':
        return this.#object(schema, depth)
      case 'array':
        return Array.from({ length: Math.floor(this.#random.float() * 3) }, () =>
          this.#value(schema.items ?? {}, depth + 1),
        )
      case 'string':
        return this.chance(0.3) ? 'word' : this.#text()
      case 'integer':
      case 'number':
        return pick(this.#random, NUMBERS)
      case 'boolean':
        return this.chance(0.5)
      case 'null':
        return null
      default:
        return this.#anything()
    }
  }

  #object({ properties = {}, required = [] }: Schema, depth: number): object {
    const entries: [string, unknown][] = Object.entries(properties)
      .filter(([name]) => this.chance(required.includes(name) ? 0.97 : 0.5))
      .map(([name, schema]) => [name, this.#value(schema, depth + 1)])
    if (this.chance(0.05)) entries.push([this.#text(), this.#anything()])
    return Object.fromEntries(entries)
  }
}
