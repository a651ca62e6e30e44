// Bodies of projects. Keys that are not named here are kept and shown as they are.
import { nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { idText, nameOf, Options } from '../identity-route.ts'

const TAG = '^[^,/]*$'
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 255, pattern: TAG }), {
  maxItems: 80,
  uniqueItems: true,
})

const fields = {
  domain_id: Type.Optional(nullable(idText)),
  parent_id: Type.Optional(nullable(idText)),
  is_domain: Type.Optional(Type.Boolean()),
  description: Type.Optional(nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Tags),
  options: Type.Optional(Options),
}

export const CreateProject = Type.Object({ project: Type.Object({ ...fields, name: nameOf(64) }) })

export const UpdateProject = Type.Object({
  project: Type.Object({ ...fields, name: Type.Optional(nameOf(64)) }, { minProperties: 1 }),
})

export const UpdateTags = Type.Object({ tags: Tags }, closed)
