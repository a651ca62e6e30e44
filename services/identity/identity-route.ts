// `route` for identity's resources, and what their bodies share.
import { routeOf } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Identity } from './identity.ts'
import { policy } from './policy.ts'

export const route = routeOf<Identity, typeof policy>(policy)

/** A name with at least one character that is not blank. */
export const nameOf = (maxLength = 255) => Type.String({ minLength: 1, maxLength, pattern: '[\\S]+' })

/** An id of another thing; whether it exists is asked later. */
export const idText = Type.String({ minLength: 1, maxLength: 64 })

/** Options of projects, domains and roles. */
export const Options = Type.Object({ immutable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])) }, closed)
