// What happened to servers, for readers of the event stream; and notifications that wait to be delivered.
import type { SchemaStep } from '@kilonova/store/schema'
import type { StoreKind } from '@kilonova/store/store'
import type { ColumnDefinitionBuilder, CreateTableBuilder, Kysely } from 'kysely'

const required = (column: ColumnDefinitionBuilder) => column.notNull()

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

/** Numbers are never given twice, also after rows went: readers go on from the number they saw last. */
function numbered(db: Db, name: string, kind: StoreKind): CreateTableBuilder<string, string> {
  const table = db.schema.createTable(name) as CreateTableBuilder<string, string>
  return kind === 'sqlite'
    ? table.addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    : table.addColumn('id', 'bigserial', (column) => column.primaryKey())
}

export const events: SchemaStep = {
  name: '0004-events',
  async up(db, kind) {
    await numbered(db, 'compute_events', kind)
      .addColumn('event', 'text', required)
      .addColumn('project_id', 'text', required)
      .addColumn('server_id', 'text', required)
      .addColumn('data_json', 'text', required)
      .addColumn('created_at', 'bigint', required)
      .execute()
    await numbered(db, 'compute_notifications', kind)
      .addColumn('topic', 'text', required)
      .addColumn('event_type', 'text', required)
      .addColumn('envelope_json', 'text', required)
      .addColumn('created_at', 'bigint', required)
      .execute()
  },
}
