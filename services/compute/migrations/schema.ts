// Queries and replies of migrations; each field knows its versions.
import { integerLike, nullable } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closedSince, since } from '@kilonova/api/versions'

const O = Type.Optional

export const ListMigrations = Type.Object(
  {
    hidden: O(Type.String()),
    host: O(Type.String()),
    instance_uuid: O(Type.String()),
    source_compute: O(Type.String()),
    status: O(Type.String()),
    migration_type: O(Type.String()),
    limit: O(integerLike(0, undefined, since('2.59'))),
    marker: O(Type.String(since('2.59'))),
    'changes-since': O(Type.String({ format: 'date-time', ...since('2.59') })),
    'changes-before': O(Type.String({ format: 'date-time', ...since('2.66') })),
    user_id: O(Type.String(since('2.80'))),
    project_id: O(Type.String(since('2.80'))),
  },
  closedSince('2.59'),
)
export type ListMigrations = Static<typeof ListMigrations>

/** Whoever asked for the move: its fields of 2.59 and 2.80. */
export const owned = () => ({
  uuid: O(Type.Unknown(since('2.59'))),
  user_id: O(nullable(Type.String(), since('2.80'))),
  project_id: O(nullable(Type.String(), since('2.80'))),
})

const Migration = Type.Object({
  ...owned(),
  migration_type: O(Type.Unknown(since('2.23'))),
  links: O(Type.Unknown(since('2.23'))),
})
export const MigrationsListed = Type.Object({
  migrations: Type.Array(Migration),
  migrations_links: O(Type.Unknown(since('2.59'))),
})
