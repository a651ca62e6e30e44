// What a server is rescued with, files that wait to be put on its config drive, and whose signatures it trusts.
import type { SchemaStep } from '@kilonova/store/schema'

export const rescueAndRebuild: SchemaStep = {
  name: '0008-rescue-and-rebuild',
  async up(db) {
    for (const column of ['rescue_json', 'files_json', 'trusted_certs_json'])
      await db.schema.alterTable('compute_servers').addColumn(column, 'text').execute()
  },
}
