// The first tables of placement.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder, Kysely } from 'kysely'

const required = (column: ColumnDefinitionBuilder) => column.notNull()
const key = (column: ColumnDefinitionBuilder) => column.primaryKey()
const provider = (column: ColumnDefinitionBuilder) => column.notNull().references('placement_resource_providers.id')

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

async function providers(db: Db): Promise<void> {
  await db.schema
    .createTable('placement_resource_providers')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('generation', 'integer', required)
    .addColumn('parent_id', 'text')
    .addColumn('root_id', 'text', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('updated_at', 'bigint', required)
    .execute()
  await index(db, 'placement_resource_providers', 'root_id')
  await index(db, 'placement_resource_providers', 'parent_id')
  await db.schema
    .createTable('placement_provider_traits')
    .addColumn('provider_id', 'text', provider)
    .addColumn('trait', 'text', required)
    .addPrimaryKeyConstraint('placement_provider_traits_pk', ['provider_id', 'trait'])
    .execute()
  await index(db, 'placement_provider_traits', 'trait')
  await db.schema
    .createTable('placement_provider_aggregates')
    .addColumn('provider_id', 'text', provider)
    .addColumn('aggregate_id', 'text', required)
    .addPrimaryKeyConstraint('placement_provider_aggregates_pk', ['provider_id', 'aggregate_id'])
    .execute()
  await index(db, 'placement_provider_aggregates', 'aggregate_id')
}

async function names(db: Db): Promise<void> {
  for (const table of ['placement_traits', 'placement_resource_classes']) {
    await db.schema
      .createTable(table)
      .addColumn('name', 'text', key)
      .addColumn('created_at', 'bigint', required)
      .execute()
  }
}

async function inventories(db: Db): Promise<void> {
  await db.schema
    .createTable('placement_inventories')
    .addColumn('provider_id', 'text', provider)
    .addColumn('resource_class', 'text', required)
    .addColumn('total', 'integer', required)
    .addColumn('reserved', 'integer', required)
    .addColumn('min_unit', 'integer', required)
    .addColumn('max_unit', 'integer', required)
    .addColumn('step_size', 'integer', required)
    .addColumn('allocation_ratio', 'double precision', required)
    .addColumn('used', 'bigint', required)
    .addPrimaryKeyConstraint('placement_inventories_pk', ['provider_id', 'resource_class'])
    .execute()
  await index(db, 'placement_inventories', 'resource_class')
}

async function allocations(db: Db): Promise<void> {
  await db.schema
    .createTable('placement_consumers')
    .addColumn('id', 'text', key)
    .addColumn('project_id', 'text', required)
    .addColumn('user_id', 'text', required)
    .addColumn('consumer_type', 'text')
    .addColumn('generation', 'integer', required)
    .addColumn('created_at', 'bigint', required)
    .addColumn('updated_at', 'bigint', required)
    .execute()
  await index(db, 'placement_consumers', 'project_id')
  await db.schema
    .createTable('placement_allocations')
    .addColumn('consumer_id', 'text', required)
    .addColumn('provider_id', 'text', provider)
    .addColumn('resource_class', 'text', required)
    .addColumn('used', 'integer', required)
    .addPrimaryKeyConstraint('placement_allocations_pk', ['consumer_id', 'provider_id', 'resource_class'])
    .execute()
  await index(db, 'placement_allocations', 'provider_id')
}

const index = (db: Db, table: string, column: string): Promise<void> =>
  db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute()

export const firstTables: SchemaStep = {
  name: '0001-placement',
  async up(db) {
    await providers(db)
    await names(db)
    await inventories(db)
    await allocations(db)
  },
}
