// Aggregates of hosts, groups of servers, and how many builds failed on a node since the last that did not.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder, Kysely } from 'kysely'

const required = (column: ColumnDefinitionBuilder) => column.notNull()

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

async function aggregates({ schema }: Db): Promise<void> {
  await schema
    .createTable('compute_aggregates')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('uuid', 'text', required)
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'bigint', required)
    .addColumn('updated_at', 'bigint')
    .execute()
  await schema
    .createTable('compute_aggregate_hosts')
    .addColumn('aggregate_id', 'integer', required)
    .addColumn('host', 'text', required)
    .addPrimaryKeyConstraint('compute_aggregate_hosts_pk', ['aggregate_id', 'host'])
    .execute()
  await schema
    .createTable('compute_aggregate_metadata')
    .addColumn('aggregate_id', 'integer', required)
    .addColumn('key', 'text', required)
    .addColumn('value', 'text', required)
    .addPrimaryKeyConstraint('compute_aggregate_metadata_pk', ['aggregate_id', 'key'])
    .execute()
}

async function serverGroups({ schema }: Db): Promise<void> {
  await schema
    .createTable('compute_server_groups')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('number', 'integer', required)
    .addColumn('project_id', 'text', required)
    .addColumn('user_id', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('policy', 'text', required)
    .addColumn('max_server_per_host', 'integer')
    .addColumn('created_at', 'bigint', required)
    .execute()
  await schema
    .createIndex('compute_server_groups_project')
    .on('compute_server_groups')
    .columns(['project_id', 'number'])
    .execute()
  await schema
    .createTable('compute_server_group_members')
    .addColumn('server_id', 'text', (column) => column.primaryKey())
    .addColumn('group_id', 'text', required)
    .execute()
  await schema
    .createIndex('compute_server_group_members_group')
    .on('compute_server_group_members')
    .column('group_id')
    .execute()
}

export const aggregatesAndGroups: SchemaStep = {
  name: '0003-aggregates-and-groups',
  async up(db) {
    await aggregates(db)
    await serverGroups(db)
    await db.schema
      .alterTable('compute_nodes')
      .addColumn('failed_builds', 'integer', (column) => column.notNull().defaultTo(0))
      .execute()
  },
}
