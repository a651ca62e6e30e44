// The network and router that a project was given because it had none.
import type { SchemaStep } from '@kilonova/store/schema'

export const autoAllocatedTopologies: SchemaStep = {
  name: '0002-auto-allocated-topologies',
  async up(db) {
    await db.schema
      .createTable('network_auto_allocated_topologies')
      .addColumn('project_id', 'text', (column) => column.primaryKey())
      .addColumn('network_id', 'text', (column) =>
        column.notNull().references('network_networks.id').onDelete('cascade'),
      )
      .addColumn('router_id', 'text', (column) => column.references('network_routers.id').onDelete('set null'))
      .execute()
  },
}
