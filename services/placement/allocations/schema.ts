// Bodies of allocations: until 1.11 a list of providers, from 1.12 on by provider.
import { nullable, uuid } from '@kilonova/api/fields'
import type { Static, TSchemaOptions } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, requiredSince, since, until } from '@kilonova/api/versions'
import type { Amounts } from '../client.ts'
import { inventoriesByClass } from '../inventories/schema.ts'
import { MAX_UNIT } from '../inventories/store.ts'

const UUID_KEY = '^[0-9a-fA-F-]{32,36}$'

const byUuid = <T>(entry: object, options: object = {}) =>
  Type.Unsafe<Record<string, T>>({
    type: 'object',
    patternProperties: { [UUID_KEY]: entry },
    additionalProperties: false,
    ...options,
  })

const resources = Type.Unsafe<Amounts>({
  type: 'object',
  minProperties: 1,
  patternProperties: { '^[A-Z0-9_]+$': { type: 'integer', minimum: 1, maximum: MAX_UNIT } },
  additionalProperties: false,
})

const from = (version: string): TSchemaOptions => ({ ...since(version), ...requiredSince(version) })
const owner = (options: TSchemaOptions = {}) => Type.Optional(Type.String({ minLength: 1, maxLength: 255, ...options }))

export const PutAllocationsList = Type.Object(
  {
    allocations: Type.Array(
      Type.Object({ resource_provider: Type.Object({ uuid: uuid() }, closed), resources }, closed),
      { minItems: 1 },
    ),
    project_id: owner(from('1.8')),
    user_id: owner(from('1.8')),
  },
  closed,
)

const entry = Type.Object({ resources, generation: Type.Optional(Type.Integer()) }, closed)
const allocationsOr = (empty: object) => byUuid<{ resources: Amounts }>(entry, empty)

const GROUP_KEY = '^[a-zA-Z0-9_-]{0,64}$'
const mappings = Type.Unsafe<Record<string, string[]>>({
  type: 'object',
  patternProperties: { [GROUP_KEY]: { type: 'array', minItems: 1, items: { type: 'string', format: 'uuid' } } },
  additionalProperties: false,
  ...since('1.34'),
})

const consumer = {
  project_id: Type.String({ minLength: 1, maxLength: 255 }),
  user_id: Type.String({ minLength: 1, maxLength: 255 }),
  consumer_generation: Type.Optional(nullable(Type.Integer(), from('1.28'))),
  mappings: Type.Optional(mappings),
  consumer_type: Type.Optional(Type.String({ pattern: '^[A-Z0-9_]+$', minLength: 1, maxLength: 255, ...from('1.38') })),
}

export const PutAllocations = Type.Object(
  {
    allocations: Type.Union([allocationsOr({ minProperties: 1, ...until('1.27') }), allocationsOr(since('1.28'))]),
    ...consumer,
  },
  closed,
)

const anyAllocations = Type.Object({ allocations: allocationsOr({}), ...consumer }, closed)

/** What is asked for one consumer; fields of newer versions are left out. */
export interface AskedConsumer {
  allocations: Record<string, { resources: Amounts }>
  project_id: string
  user_id: string
  consumer_generation?: number | null
  consumer_type?: string
}

export const PostAllocations = byUuid<AskedConsumer>(anyAllocations, { minProperties: 1 })

const reshapedInventories = Type.Object(
  { inventories: inventoriesByClass, resource_provider_generation: nullable(Type.Integer()) },
  closed,
)

export const Reshape = Type.Object(
  {
    inventories: byUuid<Static<typeof reshapedInventories>>(reshapedInventories),
    allocations: byUuid<AskedConsumer>(anyAllocations),
  },
  closed,
)
