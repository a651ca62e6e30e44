// TypeBox's builders that schemas use, with its types, without loading the several hundred files of its own:
// a start of the cloud would spend a tenth of its time on them. The schemas are the same JSON.
import type { Type as TypeBox } from 'typebox'

type Options = Record<string, unknown>
type Schema = Record<string, unknown>

const OPTIONAL = Symbol('optional')

const of =
  (type: string) =>
  (options: Options = {}): Schema => ({ type, ...options })

const any = (options: Options = {}): Schema => ({ ...options })

/** Marks a copy, so that one schema may be optional in one object and required in another; its copies are not marked. */
const optional = (schema: Schema): Schema => Object.defineProperty({ ...schema }, OPTIONAL, { value: true })

function object(properties: Record<string, Schema>, options: Options = {}): Schema {
  const required = Object.keys(properties).filter((name) => !(OPTIONAL in properties[name]!))
  return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options }
}

const builders = {
  Any: any,
  Unknown: any,
  Boolean: of('boolean'),
  Integer: of('integer'),
  Null: of('null'),
  Number: of('number'),
  String: of('string'),
  Array: (items: Schema, options: Options = {}): Schema => ({ type: 'array', items, ...options }),
  Literal: (value: unknown, options: Options = {}): Schema => ({ type: typeof value, const: value, ...options }),
  Object: object,
  Optional: optional,
  Record: (_key: Schema, value: Schema, options: Options = {}): Schema => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  Union: (anyOf: Schema[], options: Options = {}): Schema => ({ anyOf, ...options }),
  Unsafe: any,
}

export type { Static, TObject, TProperties, TSchema, TSchemaOptions } from 'typebox'

export const Type = builders as unknown as Pick<typeof TypeBox, keyof typeof builders>
