// Bodies of domains. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { nameOf, Options } from '../identity-route.ts'

const fields = {
  description: Type.Optional(nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 80 })),
  options: Type.Optional(Options),
}

export const CreateDomain = Type.Object({
  domain: Type.Object({
    ...fields,
    name: nameOf(64),
    explicit_domain_id: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
  }),
})

export const UpdateDomain = Type.Object({
  domain: Type.Object({ ...fields, name: Type.Optional(nameOf(64)) }, { minProperties: 1 }),
})
