// Bodies, queries and replies of quota sets; each field knows its versions.
import { booleanLike, integerLike } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, until } from '@kilonova/api/versions'

const O = Type.Optional
const limit = (options: object = {}) => O(integerLike(-1, undefined, options))

/** The limits that a body may set; those on networks up to a version. */
export const limitFields = ({ networkUntil }: { networkUntil: string }) => ({
  instances: limit(),
  cores: limit(),
  ram: limit(),
  metadata_items: limit(),
  key_pairs: limit(),
  server_groups: limit(),
  server_group_members: limit(),
  injected_files: limit(until('2.56')),
  injected_file_content_bytes: limit(until('2.56')),
  injected_file_path_bytes: limit(until('2.56')),
  fixed_ips: limit(until(networkUntil)),
  floating_ips: limit(until(networkUntil)),
  security_groups: limit(until(networkUntil)),
  security_group_rules: limit(until(networkUntil)),
})

const NewLimits = Type.Object({ ...limitFields({ networkUntil: '2.35' }), force: O(booleanLike()) }, closed)
export type NewLimits = Static<typeof NewLimits>
export const UpdateQuotaSet = Type.Object({ quota_set: NewLimits }, closed)

export const OfUser = Type.Object({ user_id: O(Type.String()) }, closedSince('2.75'))

const shown = (to: string) => O(Type.Unknown(until(to)))
export const QuotaSetShown = Type.Object({
  quota_set: Type.Object({
    injected_files: shown('2.56'),
    injected_file_content_bytes: shown('2.56'),
    injected_file_path_bytes: shown('2.56'),
    fixed_ips: shown('2.35'),
    floating_ips: shown('2.35'),
    security_groups: shown('2.35'),
    security_group_rules: shown('2.35'),
  }),
})
