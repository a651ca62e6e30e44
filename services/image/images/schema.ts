// The bodies that the image routes take.
import { Type } from '@kilonova/api/type'
import { PropertyValue, READ_ONLY, SETTABLE, TYPED_PROPERTIES, Uuid } from './fields.ts'

const optional = <Fields extends Record<string, Parameters<typeof Type.Optional>[0]>>(fields: Fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, Type.Optional(schema)])) as {
    [Name in keyof Fields]: ReturnType<typeof Type.Optional<Fields[Name]>>
  }
/** Of any form here, so that they are refused as read-only and not for their form. */
const readOnly = Object.fromEntries(READ_ONLY.map((name) => [name, Type.Optional(Type.Unknown())]))

/** Any other key is a custom property. */
export const CreateImage = Type.Object(
  { id: Type.Optional(Uuid), ...optional(SETTABLE), ...optional(TYPED_PROPERTIES), ...readOnly },
  { additionalProperties: PropertyValue },
)
