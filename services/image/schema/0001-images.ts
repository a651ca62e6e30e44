// Images with their properties, tags and members.
import type { SchemaStep } from '@kilonova/store/schema'
import type { CreateTableBuilder, Kysely } from 'kysely'

export const images0001: SchemaStep = {
  name: '0001-images',
  async up(db) {
    await createImages(db)
    await ofImage(db, 'image_properties')
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('value', 'text')
      .addPrimaryKeyConstraint('image_properties_pk', ['image_id', 'name'])
      .execute()
    await ofImage(db, 'image_tags')
      .addColumn('value', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('image_tags_pk', ['image_id', 'value'])
      .execute()
    await ofImage(db, 'image_members')
      .addColumn('member', 'text', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('image_members_pk', ['image_id', 'member'])
      .execute()
    await db.schema.createIndex('image_members_member').on('image_members').columns(['member', 'image_id']).execute()
  },
}

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
async function createImages(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable('images')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text')
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('visibility', 'text', (column) => column.notNull())
    .addColumn('owner', 'text')
    .addColumn('size', 'bigint')
    .addColumn('virtual_size', 'bigint')
    .addColumn('checksum', 'text')
    .addColumn('os_hash_algo', 'text')
    .addColumn('os_hash_value', 'text')
    .addColumn('disk_format', 'text')
    .addColumn('container_format', 'text')
    .addColumn('min_disk', 'integer', (column) => column.notNull())
    .addColumn('min_ram', 'integer', (column) => column.notNull())
    .addColumn('protected', 'integer', (column) => column.notNull())
    .addColumn('os_hidden', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('updated_at', 'bigint', (column) => column.notNull())
    .addColumn('file', 'text')
    .addColumn('upload', 'text')
    .addColumn('upload_seen_at', 'bigint')
    .execute()
  await db.schema.createIndex('images_created_at').on('images').columns(['created_at', 'id']).execute()
  await db.schema.createIndex('images_owner').on('images').columns(['owner', 'created_at', 'id']).execute()
  await db.schema.createIndex('images_name').on('images').columns(['name']).execute()
}

// biome-ignore lint/suspicious/noExplicitAny: as above
function ofImage(db: Kysely<any>, table: string): CreateTableBuilder<string, any> {
  return db.schema
    .createTable(table)
    .addColumn('image_id', 'text', (column) => column.notNull().references('images.id').onDelete('cascade'))
}
