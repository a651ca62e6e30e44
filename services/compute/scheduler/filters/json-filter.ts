// Hint `query`: a JSON expression such as `["and", [">=", "$free_ram_mb", 1024], ["=", "$host", "h1"]]`.
import { attributeOf } from '../host-attributes.ts'
import type { Filter, HostState } from '../host-state.ts'

type Operator = (operands: unknown[]) => unknown

/** The first operand against each of the others. */
const each =
  (holds: (first: never, other: never) => boolean): Operator =>
  ([first, ...others]) =>
    others.length > 0 && others.every((other) => holds(first as never, other as never))

const OPERATORS: Record<string, Operator> = {
  '=': each((a: unknown, b: unknown) => a === b),
  '<': each((a: number, b: number) => a < b),
  '>': each((a: number, b: number) => a > b),
  '<=': each((a: number, b: number) => a <= b),
  '>=': each((a: number, b: number) => a >= b),
  in: ([first, ...others]) => others.includes(first),
  not: (operands) => operands.map((operand) => !truth(operand)),
  or: (operands) => operands.some(truth),
  and: (operands) => operands.every(truth),
}

function truth(value: unknown): boolean {
  return Array.isArray(value) ? value.some(truth) : Boolean(value)
}

function operand(host: HostState, value: unknown): unknown {
  if (Array.isArray(value)) return evaluate(host, value)
  if (typeof value !== 'string' || !value.startsWith('$')) return value
  return attributeOf(host, value.slice(1).split('.'))
}

function evaluate(host: HostState, [name, ...operands]: unknown[]): unknown {
  if (name === undefined) return true
  const operator = typeof name === 'string' && Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined
  if (!operator) throw new SyntaxError(`no operator ${String(name)}`)
  return operator(operands.map((one) => operand(host, one)).filter((one) => one !== undefined && one !== null))
}

function parse(query: unknown): unknown {
  return typeof query === 'string' ? JSON.parse(query) : query
}

export const jsonFilter: Filter = {
  name: 'JsonFilter',
  reads: ({ hints }) => (hints['query'] === undefined ? null : undefined),
  judge(host, { hints }) {
    const [query] = Array.isArray(hints['query']) && hints['query'].length === 1 ? hints['query'] : [hints['query']]
    if (query === undefined || query === null || query === '') return undefined
    try {
      const parsed = parse(query)
      if (!Array.isArray(parsed)) return 'the hint query is no list'
      return truth(evaluate(host, parsed)) ? undefined : 'the hint query does not hold'
    } catch (error) {
      if (error instanceof SyntaxError) return `the hint query cannot be read: ${error.message}`
      throw error
    }
  },
}
