// What is kept of shelved servers beside their rows.
import type { SchemaStep } from '@kilonova/store/schema'

export const shelvedServers: SchemaStep = {
  name: '0007-shelved-servers',
  async up({ schema }) {
    await schema
      .createTable('compute_shelved_servers')
      .addColumn('server_id', 'text', (column) => column.primaryKey())
      .addColumn('image_id', 'text', (column) => column.notNull())
      .addColumn('shelved_at', 'bigint', (column) => column.notNull())
      .execute()
  },
}
