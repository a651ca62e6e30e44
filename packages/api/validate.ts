// Checks bodies and queries against JSON schemas and words what is wrong as OpenStack does.
import { isUuidLike } from '@kilonova/base/ids'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv } from 'ajv'
import { repr } from './python-text.ts'

/** What is wrong with a body or query, and where. */
export interface Invalid {
  /** Path of names and indexes to the offending value; empty at the top. */
  path: string[]
  value: unknown
  /** Such as `1 is not of type 'string'`. */
  reason: string
}

/** What a field's value is made into, within bounds. */
export interface Conversion {
  to: 'integer' | 'boolean'
  least?: number
  most?: number
}

export type Check = (value: unknown) => Invalid | undefined

const ajv = new Ajv({ strict: false, verbose: true, coerceTypes: false, removeAdditional: false, unicodeRegExp: false })
ajv.addFormat('uuid', (text: string) => isUuidLike(text))
ajv.addFormat('base64', (text: string) => isBase64(text))
ajv.addFormat('ipv4', /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/)
ajv.addFormat('ipv6', (text: string) => text.includes(':') && /^[0-9a-f:.]+$/i.test(text))
ajv.addFormat('uri', (text: string) => URL.canParse(text))
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)))
ajv.addKeyword({ keyword: 'integerBounds', validate: withinBounds, error: { message: 'out of bounds' } })

ajv.addKeyword({ keyword: 'convertTo', modifying: true, validate: convert, error: { message: 'not convertible' } })

/** What neutron's clients say as text is put into the body as what it means; false when it means nothing such. */
function convert(
  { to, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY }: Conversion,
  value: unknown,
  _: unknown,
  at?: { parentData: Record<string, unknown>; parentDataProperty: string | number },
): boolean {
  const meant = to === 'boolean' ? meantBoolean(value) : meantInteger(value)
  if (meant === undefined) return false
  if (typeof meant === 'number' && (meant < least || meant > most)) return false
  if (at) at.parentData[at.parentDataProperty] = meant
  return true
}

function meantBoolean(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  const word = typeof value === 'string' || typeof value === 'number' ? String(value).toLowerCase() : ''
  return { true: true, 1: true, false: false, 0: false }[word]
}

function meantInteger(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^\s*[+-]?\d{1,15}\s*$/.test(value)) return undefined
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  return Number.isSafeInteger(Number(value)) ? Number(value) : undefined
}

function notConverted({ to, least, most }: Conversion, data: unknown, value: string): string {
  if (to === 'boolean') return `${value} cannot be converted to boolean`
  const number = meantInteger(data)
  if (number === undefined) return `${value} is not an integer`
  return least !== undefined && number < least
    ? `${value} is less than the minimum of ${least}`
    : `${value} is greater than the maximum of ${most}`
}

function isBase64(text: string): boolean {
  const packed = text.replaceAll(/\s/g, '')
  return packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed)
}

/** Bounds for an integer that may also come as a string of digits. */
function withinBounds(bounds: [number, number], value: unknown): boolean {
  const number = Number(value)
  return !Number.isInteger(number) || (bounds[0] <= number && number <= bounds[1])
}

/** Compiles a schema; the check returns undefined for a good value. */
export function compile(schema: unknown): Check {
  const validate: ValidateFunction = ajv.compile(schema as object)
  return (value) => (validate(value) ? undefined : describe(validate.errors!))
}

const checks = new WeakMap<object, Check>()

/** Whether the value is as the schema says; compiled at its first use. */
export function isValid(schema: object, value: unknown): boolean {
  const check = checks.get(schema) ?? compile(schema)
  checks.set(schema, check)
  return check(value) === undefined
}

function describe(errors: ErrorObject[]): Invalid {
  const error = mostTelling(errors)
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return { path, value: error.data, reason: reasonOf(error) }
}

/** By these a member says that the value is none of its own at all. */
const OTHER_VALUE = ['type', 'enum', 'const']

/** A failed union comes after the failures of its members; where one member alone is of the value's type, its own says more. */
function mostTelling(errors: ErrorObject[]): ErrorObject {
  const last = errors.at(-1)!
  if (last.keyword !== 'anyOf') return last
  const inside = errors.filter(({ schemaPath }) => schemaPath.startsWith(`${last.schemaPath}/`))
  const isOther = ({ keyword, instancePath }: ErrorObject): boolean =>
    OTHER_VALUE.includes(keyword) && instancePath === last.instancePath
  const ofType = inside.filter((error) => !isOther(error))
  const members = new Set(ofType.map(({ schemaPath }) => schemaPath.slice(last.schemaPath.length + 1).split('/')[0]))
  return members.size === 1 ? mostTelling(ofType) : last
}

type Reason = (error: ErrorObject, value: string) => string

const REASONS: Record<string, Reason> = {
  type: ({ params }, value) => `${value} is not of type ${[params['type']].flat().map(repr).join(', ')}`,
  required: ({ params }) => `${repr(params['missingProperty'])} is a required property`,
  additionalProperties: (error) => unexpected(error),
  minLength: (_, value) => `${value} is too short`,
  maxLength: (_, value) => `${value} is too long`,
  minItems: (_, value) => `${value} is too short`,
  maxItems: (_, value) => `${value} is too long`,
  uniqueItems: (_, value) => `${value} has non-unique elements`,
  pattern: ({ params }, value) => `${value} does not match ${repr(params['pattern'])}`,
  format: ({ params }, value) => `${value} is not a ${repr(params['format'])}`,
  enum: ({ params }, value) => `${value} is not one of ${repr(params['allowedValues'])}`,
  const: ({ params }, value) => `${repr(params['allowedValue'])} was expected, not ${value}`,
  minimum: ({ params }, value) => `${value} is less than the minimum of ${params['limit']}`,
  maximum: ({ params }, value) => `${value} is greater than the maximum of ${params['limit']}`,
  integerBounds: ({ schema, data }, value) => bounds(schema as [number, number], Number(data), value),
  convertTo: ({ schema, data }, value) => notConverted(schema as Conversion, data, value),
  minProperties: (_, value) => `${value} does not have enough properties`,
  maxProperties: (_, value) => `${value} has too many properties`,
  anyOf: (_, value) => `${value} is not valid under any of the given schemas`,
  oneOf: (_, value) => `${value} is not valid under any of the given schemas`,
  not: (_, value) => `${value} is not allowed here`,
}

function reasonOf(error: ErrorObject): string {
  return REASONS[error.keyword]?.(error, repr(error.data)) ?? error.message ?? 'is not valid'
}

function bounds([least, most]: [number, number], number: number, value: string): string {
  return number < least
    ? `${value} is less than the minimum of ${least}`
    : `${value} is greater than the maximum of ${most}`
}

function unexpected({ parentSchema, data }: ErrorObject): string {
  const { properties = {}, patternProperties = {} } = parentSchema as Record<string, Record<string, unknown>>
  const patterns = Object.keys(patternProperties).map((pattern) => new RegExp(pattern))
  const names = Object.keys(data as object).filter(
    (name) => !(name in properties) && !patterns.some((p) => p.test(name)),
  )
  const listed = names.toSorted().map(repr).join(', ')
  if (patterns.length > 0)
    return `${listed} do not match any of the regexes: ${Object.keys(patternProperties).map(repr).join(', ')}`
  return `Additional properties are not allowed (${listed} ${names.length === 1 ? 'was' : 'were'} unexpected)`
}
