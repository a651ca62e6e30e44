// The first step: every table of identity.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder, Kysely } from 'kysely'

const required = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.notNull()
const key = (column: ColumnDefinitionBuilder): ColumnDefinitionBuilder => column.primaryKey()

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

export const identityTables: SchemaStep = {
  name: '0001-identity',
  async up(db) {
    await makeProjects(db)
    await makeUsers(db)
    await makeRoles(db)
    await makeCatalog(db)
    await makeTokens(db)
  },
}

async function makeProjects(db: Db): Promise<void> {
  await db.schema
    .createTable('identity_projects')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', required)
    .addColumn('domain_id', 'text', required)
    .addColumn('parent_id', 'text')
    .addColumn('is_domain', 'integer', required)
    .addColumn('enabled', 'integer', required)
    .addColumn('description', 'text', required)
    .addColumn('extra', 'text', required)
    .addColumn('options', 'text', required)
    .addColumn('token_generation', 'integer', required)
    .addUniqueConstraint('identity_projects_name', ['domain_id', 'name'])
    .execute()
  await db.schema.createIndex('identity_projects_parent').on('identity_projects').column('parent_id').execute()
  await db.schema
    .createTable('identity_project_tags')
    .addColumn('project_id', 'text', (column) => column.notNull().references('identity_projects.id'))
    .addColumn('tag', 'text', required)
    .addPrimaryKeyConstraint('identity_project_tags_pk', ['project_id', 'tag'])
    .execute()
}

async function makeUsers(db: Db): Promise<void> {
  await db.schema
    .createTable('identity_users')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', required)
    .addColumn('domain_id', 'text', required)
    .addColumn('enabled', 'integer', required)
    .addColumn('default_project_id', 'text')
    .addColumn('password_hash', 'text')
    .addColumn('extra', 'text', required)
    .addColumn('options', 'text', required)
    .addColumn('token_generation', 'integer', required)
    .addUniqueConstraint('identity_users_name', ['domain_id', 'name'])
    .execute()
  await db.schema
    .createTable('identity_groups')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', required)
    .addColumn('domain_id', 'text', required)
    .addColumn('description', 'text', required)
    .addColumn('extra', 'text', required)
    .addUniqueConstraint('identity_groups_name', ['domain_id', 'name'])
    .execute()
  await db.schema
    .createTable('identity_memberships')
    .addColumn('group_id', 'text', (column) => column.notNull().references('identity_groups.id'))
    .addColumn('user_id', 'text', (column) => column.notNull().references('identity_users.id'))
    .addPrimaryKeyConstraint('identity_memberships_pk', ['group_id', 'user_id'])
    .execute()
  await db.schema.createIndex('identity_memberships_user').on('identity_memberships').column('user_id').execute()
}

async function makeRoles(db: Db): Promise<void> {
  await db.schema
    .createTable('identity_roles')
    .addColumn('id', 'text', key)
    .addColumn('name', 'text', required)
    .addColumn('domain_id', 'text', required)
    .addColumn('description', 'text')
    .addColumn('extra', 'text', required)
    .addColumn('options', 'text', required)
    .addUniqueConstraint('identity_roles_name', ['domain_id', 'name'])
    .execute()
  await db.schema
    .createTable('identity_implied_roles')
    .addColumn('prior_role_id', 'text', (column) => column.notNull().references('identity_roles.id'))
    .addColumn('implied_role_id', 'text', (column) => column.notNull().references('identity_roles.id'))
    .addPrimaryKeyConstraint('identity_implied_roles_pk', ['prior_role_id', 'implied_role_id'])
    .execute()
  const parts = ['actor_kind', 'actor_id', 'target_kind', 'target_id', 'role_id'] as const
  const table = db.schema.createTable('identity_assignments').addColumn('inherited', 'integer', required)
  await parts
    .reduce((builder, part) => builder.addColumn(part, 'text', required), table)
    .addPrimaryKeyConstraint('identity_assignments_pk', [...parts, 'inherited'] as never)
    .execute()
  const index = db.schema.createIndex('identity_assignments_target').on('identity_assignments')
  await index.columns(['target_kind', 'target_id']).execute()
}

async function makeCatalog(db: Db): Promise<void> {
  await db.schema
    .createTable('identity_regions')
    .addColumn('id', 'text', key)
    .addColumn('description', 'text', required)
    .addColumn('parent_region_id', 'text', (column) => column.references('identity_regions.id'))
    .addColumn('extra', 'text', required)
    .execute()
  await db.schema
    .createTable('identity_services')
    .addColumn('id', 'text', key)
    .addColumn('type', 'text', required)
    .addColumn('name', 'text', required)
    .addColumn('enabled', 'integer', required)
    .addColumn('extra', 'text', required)
    .execute()
  await db.schema
    .createTable('identity_endpoints')
    .addColumn('id', 'text', key)
    .addColumn('service_id', 'text', (column) => column.notNull().references('identity_services.id'))
    .addColumn('interface', 'text', required)
    .addColumn('region_id', 'text', (column) => column.references('identity_regions.id'))
    .addColumn('url', 'text', required)
    .addColumn('enabled', 'integer', required)
    .addColumn('extra', 'text', required)
    .execute()
}

async function makeTokens(db: Db): Promise<void> {
  await db.schema
    .createTable('identity_token_keys')
    .addColumn('id', 'integer', key)
    .addColumn('secret', 'text', required)
    .addColumn('active_from', 'bigint', required)
    .addColumn('expires_at', 'bigint')
    .execute()
  await db.schema
    .createTable('identity_revoked_tokens')
    .addColumn('audit_id', 'text', key)
    .addColumn('expires_at', 'bigint', required)
    .execute()
  await db.schema
    .createTable('identity_generations')
    .addColumn('topic', 'text', key)
    .addColumn('value', 'bigint', required)
    .execute()
  const topics = ['subjects', 'catalog', 'revocations', 'keys'].map((topic) => ({ topic, value: 0 }))
  await db.insertInto('identity_generations').values(topics).execute()
  await db.schema.createTable('identity_bootstrapped').addColumn('name', 'text', key).execute()
}
