// Field types that several services' schemas share.
import type { TSchema, TSchemaOptions } from './type.ts'
import { Type } from './type.ts'

const MAX_INT = 0x7fffffff

/** An integer, or a string of its digits. */
export const integerLike = (min = 0, max = MAX_INT, options: object = {}) =>
  Type.Unsafe<number | string>({
    type: ['integer', 'string'],
    pattern: '^-?[0-9]+$',
    integerBounds: [min, max],
    ...options,
  })

const TRUE = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes', 'y', 't']
const FALSE = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no', 'n', 'f']

/** True or false, or one of the words for it. */
export const booleanLike = (options: object = {}) =>
  Type.Unsafe<boolean | string>({ type: ['boolean', 'string'], enum: [...TRUE, ...FALSE], ...options })

/** The value of a booleanLike field. */
export function asBoolean(value: boolean | string | number | undefined, fallback = false): boolean {
  return value === undefined ? fallback : value === 1 || (TRUE as unknown[]).includes(value)
}

/** An integer that may come as text and reaches handlers as a number, as neutron converts it. */
export const convertedInteger = (bounds: { least?: number; most?: number } = {}) =>
  Type.Unsafe<number>({ convertTo: { to: 'integer', ...bounds } })

/** True or false, also as text or 1 and 0; reaches handlers as a boolean. */
export const convertedBoolean = () => Type.Unsafe<boolean>({ convertTo: { to: 'boolean' } })

// Printable characters, no white space at either end.
const NAME_PATTERN = '^(?![\\s])[^\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]*(?<![\\s])$'

/** A name: 1 to 255 printable characters without blanks at its ends. */
export const name = (options: object = {}) =>
  Type.String({ minLength: 1, maxLength: 255, pattern: NAME_PATTERN, ...options })

export const uuid = (options: object = {}) => Type.String({ format: 'uuid', ...options })

export const nullable = <T extends TSchema>(schema: T, options: TSchemaOptions = {}) =>
  Type.Union([schema, Type.Null()], options)

/** One of these words. */
export const oneOf = <const T extends readonly string[]>(words: T, options: object = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...words], ...options })

/** String values by name: metadata, properties, extra specs. */
export const metadata = (maxLength = 255, options: object = {}) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    patternProperties: { '^[a-zA-Z0-9-_:. ]{1,255}$': { type: 'string', maxLength } },
    additionalProperties: false,
    ...options,
  })
