// Key pairs get a number, which their show calls the id.
import type { SchemaStep } from '@kilonova/store/schema'

export const keypairNumbers: SchemaStep = {
  name: '0002-keypair-numbers',
  async up(db) {
    await db.schema.alterTable('compute_keypairs').addColumn('number', 'integer').execute()
  },
}
