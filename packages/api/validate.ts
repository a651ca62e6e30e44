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

export type Check = (value: unknown) => Invalid | undefined

const ajv = new Ajv({ strict: false, verbose: true, coerceTypes: false, removeAdditional: false, unicodeRegExp: false })
ajv.addFormat('uuid', (text: string) => isUuidLike(text))
ajv.addFormat('base64', (text: string) => isBase64(text))
ajv.addFormat('ipv4', /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/)
ajv.addFormat('ipv6', (text: string) => text.includes(':') && /^[0-9a-f:.]+$/i.test(text))
ajv.addFormat('uri', (text: string) => URL.canParse(text))
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)))
ajv.addKeyword({ keyword: 'integerBounds', validate: withinBounds, error: { message: 'out of bounds' } })

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

function describe(errors: ErrorObject[]): Invalid {
  const error = errors.at(-1)! // a failed union comes after the failures of its members
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return { path, value: error.data, reason: reasonOf(error) }
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
