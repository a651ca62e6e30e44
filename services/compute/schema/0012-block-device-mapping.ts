// The block devices that users asked for with their servers.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder } from 'kysely'

const required = (column: ColumnDefinitionBuilder) => column.notNull()

const OPTIONAL_TEXTS = ['guest_format', 'device_type', 'disk_bus', 'device_name', 'volume_type', 'tag']
const IDS = ['image_id', 'volume_id', 'snapshot_id']

export const blockDeviceMapping: SchemaStep = {
  name: '0012-block-device-mapping',
  async up({ schema }) {
    let made = schema
      .createTable('compute_block_device_mapping')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('server_id', 'text', required)
      .addColumn('position', 'integer', required)
      .addColumn('source_type', 'text', required)
      .addColumn('destination_type', 'text', required)
      .addColumn('boot_index', 'integer')
      .addColumn('volume_size', 'integer')
      .addColumn('delete_on_termination', 'integer', required)
      .addColumn('created_at', 'bigint', required)
    for (const name of [...OPTIONAL_TEXTS, ...IDS]) made = made.addColumn(name, 'text')
    await made.addUniqueConstraint('compute_block_device_mapping_position', ['server_id', 'position']).execute()
  },
}
