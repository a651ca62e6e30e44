// Limits by class; those of the class `default` stand in for the configured ones.
import type { SchemaStep } from '@kilonova/store/schema'

export const quotaClasses: SchemaStep = {
  name: '0013-quota-classes',
  async up({ schema }) {
    await schema
      .createTable('compute_quota_classes')
      .addColumn('class_name', 'text', (column) => column.notNull())
      .addColumn('resource', 'text', (column) => column.notNull())
      .addColumn('limit', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('compute_quota_classes_pk', ['class_name', 'resource'])
      .execute()
  },
}
