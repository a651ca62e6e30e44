// Moves of servers from one host, or one flavor, to another.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder } from 'kysely'

const required = (column: ColumnDefinitionBuilder) => column.notNull()

const TEXTS = ['server_id', 'migration_type', 'status', 'source_compute', 'source_node', 'before_json', 'after_json']
const OPTIONAL_TEXTS = ['user_id', 'project_id', 'dest_compute', 'dest_node', 'dest_host', 'uncleaned_host']
const FIGURES = [
  'memory_total',
  'memory_processed',
  'memory_remaining',
  'disk_total',
  'disk_processed',
  'disk_remaining',
]

export const migrations: SchemaStep = {
  name: '0009-migrations',
  async up({ schema }) {
    let made = schema
      .createTable('compute_migrations')
      .addColumn('id', 'integer', (column) => column.primaryKey())
      .addColumn('uuid', 'text', (column) => column.notNull().unique())
      .addColumn('created_at', 'bigint', required)
      .addColumn('updated_at', 'bigint', required)
      .addColumn('old_vm_state', 'text', required)
    for (const name of TEXTS) made = made.addColumn(name, 'text', required)
    for (const name of OPTIONAL_TEXTS) made = made.addColumn(name, 'text')
    for (const name of FIGURES) made = made.addColumn(name, 'bigint')
    await made.execute()
    await schema.createIndex('compute_migrations_server').on('compute_migrations').column('server_id').execute()
    await schema.createIndex('compute_migrations_status').on('compute_migrations').column('status').execute()
  },
}
