// Bodies and replies of aggregates; each field knows its versions.
import { name, nullable, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, since } from '@kilonova/api/versions'

const O = Type.Optional

// A name without the colon that stands between zone and host when a server is created.
const zone = () => nullable(name({ pattern: '^(?![\\s])[^\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff:]*(?<![\\s])$' }))
const PRINTABLE = '^(?=.*\\S)[^\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]*$'

export const CreateAggregate = Type.Object(
  { aggregate: Type.Object({ name: name(), availability_zone: O(zone()) }, closed) },
  closed,
)
export type NewAggregate = Static<typeof CreateAggregate>['aggregate']

export const UpdateAggregate = Type.Object(
  {
    aggregate: Type.Object(
      { name: O(Type.String({ minLength: 1, maxLength: 255, pattern: PRINTABLE })), availability_zone: O(zone()) },
      { ...closed, minProperties: 1 },
    ),
  },
  closed,
)
export type AggregateUpdate = Static<typeof UpdateAggregate>['aggregate']

const Host = Type.Object({ host: Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' }) }, closed)
export const AddHost = Type.Object({ add_host: Host }, closed)
export const RemoveHost = Type.Object({ remove_host: Host }, closed)

export const SetMetadata = Type.Object(
  {
    set_metadata: Type.Object(
      {
        metadata: Type.Unsafe<Record<string, string | null>>({
          type: 'object',
          patternProperties: { '^[a-zA-Z0-9-_:. ]{1,255}$': { type: ['string', 'null'], maxLength: 255 } },
          additionalProperties: false,
        }),
      },
      closed,
    ),
  },
  closed,
)

export const CacheImages = Type.Object(
  { cache: Type.Array(Type.Object({ id: uuid() }, closed), { minItems: 1 }) },
  closed,
)

const Aggregate = Type.Object({ uuid: O(Type.Unknown(since('2.41'))) })
export const AggregateShown = Type.Object({ aggregate: Aggregate })
export const AggregatesListed = Type.Object({ aggregates: Type.Array(Aggregate) })
