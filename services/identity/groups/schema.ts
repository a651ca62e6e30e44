// Bodies of groups. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { idText, nameOf } from '../identity-route.ts'

const fields = { domain_id: Type.Optional(idText), description: Type.Optional(nullable(Type.String())) }

export const CreateGroup = Type.Object({ group: Type.Object({ ...fields, name: nameOf(64) }) })

export const UpdateGroup = Type.Object({
  group: Type.Object({ ...fields, name: Type.Optional(nameOf(64)) }, { minProperties: 1 }),
})
