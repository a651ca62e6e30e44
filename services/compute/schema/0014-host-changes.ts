// Which hosts have changed in a way that matters to the scheduler, for those who keep them in memory; and the aggregates
// of a host by an index.
import type { LoggedTable } from '@kilonova/store/change-log'
import { createChangeLog, logChanges } from '@kilonova/store/change-log'
import type { SchemaStep } from '@kilonova/store/schema'

export const HOST_CHANGES = 'compute_host_changes'

/** Milliseconds: a service that reports after a longer silence is logged. Reports within it are no change. */
export const LOGGED_SILENCE = 15_000

const host = (row: string): string => `select ${row}.host as key`
const hostsOf = (aggregate: string): string =>
  `select host as key from compute_aggregate_hosts where aggregate_id = ${aggregate}`

const LOGGED: Omit<LoggedTable, 'log'>[] = [
  {
    table: 'compute_servers',
    columns: ['host', 'vm_state', 'task_state', 'deleted_at', 'flavor_json', 'image_json', 'project_id'],
    keys: host,
  },
  { table: 'compute_nodes', keys: host },
  { table: 'compute_services', columns: ['host', 'disabled', 'disabled_reason', 'forced_down'], keys: host },
  {
    table: 'compute_services',
    events: ['update'],
    columns: ['last_seen_at'],
    when: `abs(new.last_seen_at - old.last_seen_at) > ${LOGGED_SILENCE}`,
    keys: host,
  },
  { table: 'compute_aggregate_hosts', keys: host },
  { table: 'compute_aggregate_metadata', keys: (row) => hostsOf(`${row}.aggregate_id`) },
  { table: 'compute_aggregates', columns: ['name'], keys: (row) => hostsOf(`${row}.id`) },
  {
    table: 'compute_migrations',
    keys: (row) => `select ${row}.source_compute as key union select ${row}.dest_compute`,
  },
]

export const hostChanges: SchemaStep = {
  name: '0014-host-changes',
  async up(db, kind) {
    const table = 'compute_aggregate_hosts'
    await db.schema.createIndex(`${table}_host`).on(table).column('host').execute()
    await createChangeLog(db, kind, HOST_CHANGES)
    for (const logged of LOGGED) await logChanges(db, kind, { log: HOST_CHANGES, ...logged })
  },
}
