// The queries of usage reports; each field knows its versions.
import { integerLike } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closedSince, since } from '@kilonova/api/versions'

const O = Type.Optional
const common = {
  start: O(Type.String()),
  end: O(Type.String()),
  limit: O(integerLike(0, undefined, since('2.40'))),
  marker: O(Type.String(since('2.40'))),
}

export const ShowUsage = Type.Object(common, closedSince('2.75'))
export type ShowUsage = Static<typeof ShowUsage>
export const ListUsages = Type.Object({ ...common, detailed: O(Type.String()) }, closedSince('2.75'))
