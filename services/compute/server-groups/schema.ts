// Bodies, queries and replies of server groups; each field knows its versions.
import { integerLike, name, oneOf } from '@kilonova/api/fields'
import type { Static, TSchemaOptions } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, requiredSince, requiredUntil, since, until } from '@kilonova/api/versions'

const O = Type.Optional
const HARD = ['anti-affinity', 'affinity'] as const
const ALL = [...HARD, 'soft-anti-affinity', 'soft-affinity'] as const
const one = { minItems: 1, maxItems: 1, uniqueItems: true }

const NewServerGroup = Type.Object(
  {
    name: name(),
    policies: O(
      Type.Union(
        [Type.Array(oneOf(HARD), { ...one, ...until('2.14') }), Type.Array(oneOf(ALL), { ...one, ...since('2.15') })],
        { ...until('2.63'), ...requiredUntil('2.63') },
      ),
    ),
    policy: O(oneOf(ALL, { ...since('2.64'), ...requiredSince('2.64') })),
    rules: O(Type.Object({ max_server_per_host: O(integerLike(1)) }, { ...closed, ...since('2.64') })),
  },
  closed,
)
export type NewServerGroup = Static<typeof NewServerGroup>
export const CreateServerGroup = Type.Object({ server_group: NewServerGroup }, closed)

export const ListServerGroups = Type.Object(
  { all_projects: O(Type.String()), limit: O(integerLike(0)), offset: O(integerLike(0)) },
  closedSince('2.75'),
)

const shown = (options: TSchemaOptions) => O(Type.Unknown(options))
const ServerGroup = Type.Object({
  project_id: shown(since('2.13')),
  user_id: shown(since('2.13')),
  policies: shown(until('2.63')),
  metadata: shown(until('2.63')),
  policy: shown(since('2.64')),
  rules: shown(since('2.64')),
})
export const ServerGroupShown = Type.Object({ server_group: ServerGroup })
export const ServerGroupsListed = Type.Object({ server_groups: Type.Array(ServerGroup) })
