// Bodies, queries and replies of resource providers, their traits and aggregates.
import { nullable, uuid } from '@kilonova/api/fields'
import type { TSchema } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, since } from '@kilonova/api/versions'

const name = Type.String({ minLength: 1, maxLength: 200 })
const parent = Type.Optional(nullable(uuid(), since('1.14')))

export const CreateProvider = Type.Object({ name, uuid: Type.Optional(uuid()), parent_provider_uuid: parent }, closed)
export const UpdateProvider = Type.Object({ name, parent_provider_uuid: parent }, closed)

export const ListProviders = Type.Object(
  {
    name: Type.Optional(Type.String()),
    uuid: Type.Optional(uuid()),
    member_of: Type.Optional(Type.Array(Type.String(), since('1.3'))),
    resources: Type.Optional(Type.String(since('1.4'))),
    in_tree: Type.Optional(uuid(since('1.14'))),
    required: Type.Optional(Type.Array(Type.String(), since('1.18'))),
  },
  closed,
)

const hiddenBefore = (version: string): TSchema => Type.Any(since(version))

export const ShownProvider = Type.Object({
  parent_provider_uuid: hiddenBefore('1.14'),
  root_provider_uuid: hiddenBefore('1.14'),
})
export const ShownProviders = Type.Object({ resource_providers: Type.Array(ShownProvider) })

const generation = Type.Integer({ minimum: 0 })

export const PutTraits = Type.Object(
  {
    resource_provider_generation: generation,
    traits: Type.Array(Type.String({ pattern: '^[A-Z0-9_]+$', minLength: 1, maxLength: 255 }), { uniqueItems: true }),
  },
  closed,
)

const aggregates = Type.Array(uuid(), { uniqueItems: true })

export const PutAggregatesList = aggregates
export const PutAggregates = Type.Object({ resource_provider_generation: generation, aggregates }, closed)
export const ShownAggregates = Type.Object({ resource_provider_generation: hiddenBefore('1.19') })
