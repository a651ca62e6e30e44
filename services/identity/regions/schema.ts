// Bodies of regions. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'

const fields = {
  description: Type.Optional(nullable(Type.String())),
  parent_region_id: Type.Optional(nullable(Type.String({ minLength: 1, maxLength: 255 }))),
}

export const CreateRegion = Type.Object({
  region: Type.Object({ ...fields, id: Type.Optional(Type.String({ maxLength: 255, pattern: '^[^/?#]*$' })) }),
})

export const UpdateRegion = Type.Object({ region: Type.Object(fields, { minProperties: 1 }) })
