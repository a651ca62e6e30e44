// Bodies of services. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'

const text = Type.String({ minLength: 1, maxLength: 255 })
const fields = {
  name: Type.Optional(Type.String({ maxLength: 255 })),
  description: Type.Optional(nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
}

export const CreateService = Type.Object({ service: Type.Object({ ...fields, type: text }) })

export const UpdateService = Type.Object({
  service: Type.Object({ ...fields, type: Type.Optional(text) }, { minProperties: 1 }),
})
