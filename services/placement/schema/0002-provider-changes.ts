// Which providers have changed, for those who keep them in memory.
import { createChangeLog, logChanges } from '@kilonova/store/change-log'
import type { SchemaStep } from '@kilonova/store/schema'

export const PROVIDER_CHANGES = 'placement_provider_changes'

const OF_PROVIDERS = ['placement_inventories', 'placement_provider_traits', 'placement_provider_aggregates']

export const providerChanges: SchemaStep = {
  name: '0002-provider-changes',
  async up(db, kind) {
    const log = PROVIDER_CHANGES
    await createChangeLog(db, kind, log)
    await logChanges(db, kind, {
      ...{ log, table: 'placement_resource_providers', columns: ['parent_id', 'root_id'] },
      keys: (row) => `select ${row}.id as key`,
    })
    for (const table of OF_PROVIDERS) {
      await logChanges(db, kind, { log, table, keys: (row) => `select ${row}.provider_id as key` })
    }
  },
}
