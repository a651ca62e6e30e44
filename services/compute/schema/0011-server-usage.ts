// What a server's flavor takes, as columns that follow the kept flavor by themselves, and an index that adds them up.
import type { SchemaStep } from '@kilonova/store/schema'
import { sql } from 'kysely'

const COLUMNS = { vcpus: 'vcpus', memory_mb: 'memoryMb' } as const

export const serverUsage: SchemaStep = {
  name: '0011-server-usage',
  async up({ schema }, kind) {
    for (const [column, name] of Object.entries(COLUMNS)) {
      const number =
        kind === 'postgres'
          ? sql`((flavor_json::json) ->> ${sql.lit(name)})::int`
          : sql`json_extract(flavor_json, ${sql.lit(`$.${name}`)})`
      await schema
        .alterTable('compute_servers')
        .addColumn(column, 'integer', (made) => {
          const generated = made.generatedAlwaysAs(number)
          return kind === 'postgres' ? generated.stored() : generated
        })
        .execute()
    }
    await schema
      .createIndex('compute_servers_usage')
      .on('compute_servers')
      .columns(['project_id', 'vm_state', 'vcpus', 'memory_mb'])
      .where(sql<boolean>`${sql.ref('deleted_at')} is null`)
      .execute()
  },
}
