// Bodies, queries and replies of flavors; each field knows its versions.
import { booleanLike, integerLike, name, nullable, oneOf } from '@kilonova/api/fields'
import type { Static, TSchemaOptions } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, since, until } from '@kilonova/api/versions'

const O = Type.Optional
const FLOAT_MAX = 3.40282e38

// Printable characters; Nova takes line breaks in descriptions.
const description = () =>
  nullable(Type.String({ maxLength: 65535, pattern: '^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]*$' }), since('2.55'))

const NewFlavor = Type.Object(
  {
    name: name(),
    id: O(
      Type.Unsafe<string | number | null>({
        type: ['string', 'number', 'null'],
        minLength: 1,
        maxLength: 255,
        pattern: '^(?! )[a-zA-Z0-9. _-]+(?<! )$',
      }),
    ),
    ram: integerLike(1),
    vcpus: integerLike(1),
    disk: integerLike(0),
    'OS-FLV-EXT-DATA:ephemeral': O(integerLike(0)),
    swap: O(integerLike(0)),
    rxtx_factor: O(
      Type.Unsafe<number | string>({
        type: ['number', 'string'],
        pattern: '^[0-9]+(\\.[0-9]+)?$',
        exclusiveMinimum: 0,
        maximum: FLOAT_MAX,
        ...until('2.101'),
      }),
    ),
    'os-flavor-access:is_public': O(booleanLike()),
    description: O(description()),
  },
  closed,
)
export type NewFlavor = Static<typeof NewFlavor>

export const CreateFlavor = Type.Object({ flavor: NewFlavor }, closed)
export const UpdateFlavor = Type.Object({ flavor: Type.Object({ description: description() }, closed) }, closed)

const SORT_KEYS = [
  'created_at',
  'description',
  'disabled',
  'ephemeral_gb',
  'flavorid',
  'id',
  'is_public',
  'memory_mb',
  'name',
  'root_gb',
  'swap',
  'updated_at',
  'vcpu_weight',
  'vcpus',
] as const

export const ListFlavors = Type.Object(
  {
    limit: O(integerLike(0)),
    marker: O(Type.String()),
    is_public: O(Type.String()),
    minRam: O(Type.String()),
    minDisk: O(Type.String()),
    sort_key: O(Type.Union([oneOf([...SORT_KEYS, 'rxtx_factor'], until('2.101')), oneOf(SORT_KEYS, since('2.102'))])),
    sort_dir: O(oneOf(['asc', 'desc'])),
    name: O(Type.String({ maxLength: 255, ...since('2.102') })),
  },
  closedSince('2.75'),
)
export type ListFlavors = Static<typeof ListFlavors>

const shown = (options: TSchemaOptions) => O(Type.Unknown(options))
const BriefFlavor = Type.Object({ description: shown(since('2.55')) })
const Flavor = Type.Object({
  description: shown(since('2.55')),
  extra_specs: shown(since('2.61')),
  rxtx_factor: shown(until('2.101')),
  'OS-FLV-DISABLED:disabled': shown(until('2.101')),
})
export const FlavorShown = Type.Object({ flavor: Flavor })
export const FlavorsListed = Type.Object({ flavors: Type.Array(BriefFlavor) })
export const FlavorsDetailed = Type.Object({ flavors: Type.Array(Flavor) })

/** Of `addTenantAccess` and `removeTenantAccess`. */
export const Tenant = Type.Object({ tenant: Type.String({ minLength: 1, maxLength: 255 }) }, closed)

const SPEC_KEY = '^[a-zA-Z0-9-_:. ]{1,255}$'
const specs = (options: object = {}) =>
  Type.Unsafe<Record<string, string | number>>({
    type: 'object',
    patternProperties: { [SPEC_KEY]: { type: ['string', 'number'], maxLength: 255 } },
    additionalProperties: false,
    ...options,
  })
export const CreateExtraSpecs = Type.Object({ extra_specs: specs() }, closed)
export const UpdateExtraSpec = specs({ minProperties: 1, maxProperties: 1 })
