// Bodies of roles. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { idText, nameOf, Options } from '../identity-route.ts'

const fields = {
  domain_id: Type.Optional(nullable(idText)),
  description: Type.Optional(nullable(Type.String())),
  options: Type.Optional(Options),
}

export const CreateRole = Type.Object({ role: Type.Object({ ...fields, name: nameOf() }) })

export const UpdateRole = Type.Object({
  role: Type.Object({ ...fields, name: Type.Optional(nameOf()) }, { minProperties: 1 }),
})
