// Servers that are deleted when their guests power themselves off.
import type { SchemaStep } from '@kilonova/store/schema'

export const shutdownTerminate: SchemaStep = {
  name: '0006-shutdown-terminate',
  async up(db) {
    await db.schema
      .alterTable('compute_servers')
      .addColumn('shutdown_terminate', 'integer', (column) => column.notNull().defaultTo(0))
      .execute()
  },
}
