// What can be said of a migration, and what follows from it for its two sides.

/** Of moves whose guest is off meanwhile, in their order; then of live ones; then the ends. */
export const MIGRATION_STATUSES = [
  'accepted',
  'pre-migrating',
  'migrating',
  'post-migrating',
  'finished',
  'confirming',
  'reverting',
  'queued',
  'preparing',
  'running',
  'confirmed',
  'reverted',
  'done',
  'completed',
  'cancelled',
  'failed',
  'error',
] as const
export type MigrationStatus = (typeof MIGRATION_STATUSES)[number]

/** The server is still as it was before; its destination is claimed for what it shall be. */
export const LEAVING: readonly MigrationStatus[] = ['accepted', 'pre-migrating', 'migrating']
/** The server is as it shall be; what it was is kept on the source, so that it can go back. */
export const ARRIVED: readonly MigrationStatus[] = ['post-migrating', 'finished', 'confirming', 'reverting']
/** Both sides are the server's. */
export const UNFINISHED: readonly MigrationStatus[] = [...LEAVING, ...ARRIVED]
/** Live migrations that are under way. */
export const LIVE_IN_PROGRESS: readonly MigrationStatus[] = ['queued', 'preparing', 'running', 'post-migrating']
