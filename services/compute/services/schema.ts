// Bodies, queries and replies of services; each field knows its versions.
import { booleanLike, oneOf } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, since } from '@kilonova/api/versions'

const O = Type.Optional

export const ListServices = Type.Object({ host: O(Type.String()), binary: O(Type.String()) }, closedSince('2.75'))

const reason = () => O(Type.String({ minLength: 1, maxLength: 255 }))

/** Up to 2.52: the path says what to do, the body to which service. */
export const ActOnService = Type.Object(
  {
    host: Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' }),
    binary: Type.String({ minLength: 1, maxLength: 255 }),
    disabled_reason: reason(),
    forced_down: O(booleanLike(since('2.11'))),
  },
  closed,
)
export type ActOnService = Static<typeof ActOnService>

/** From 2.53 on: the path names the service, the body says what it is to be. */
export const UpdateService = Type.Object(
  { status: O(oneOf(['enabled', 'disabled'])), disabled_reason: reason(), forced_down: O(booleanLike()) },
  closed,
)
export type UpdateService = Static<typeof UpdateService>

export const ServicesListed = Type.Object({
  services: Type.Array(Type.Object({ forced_down: O(Type.Unknown(since('2.11'))) })),
})
