// The first tables of compute.
import type { SchemaStep } from '@kilonova/store/schema'
import type { StoreKind } from '@kilonova/store/store'
import type { ColumnDefinitionBuilder, CreateTableBuilder, Kysely } from 'kysely'
import { sql } from 'kysely'

type Table = CreateTableBuilder<string, string>

const required = (column: ColumnDefinitionBuilder) => column.notNull()
const key = (column: ColumnDefinitionBuilder) => column.primaryKey()

function columns(
  table: Table,
  type: 'text' | 'integer' | 'bigint',
  names: readonly string[],
  optional: readonly string[] = [],
): Table {
  const withRequired = names.reduce((made, name) => made.addColumn(name, type, required), table)
  return optional.reduce((made, name) => made.addColumn(name, type), withRequired)
}

// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

const table = (db: Db, name: string): Table => db.schema.createTable(name) as Table
const numbered = (db: Db, name: string, kind: StoreKind): Table =>
  kind === 'sqlite'
    ? table(db, name).addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    : table(db, name).addColumn('id', 'bigserial', key)

async function flavors(db: Db): Promise<void> {
  let made = table(db, 'compute_flavors').addColumn('id', 'text', key)
  made = made.addColumn('name', 'text', (column) => column.notNull().unique())
  made = columns(made, 'integer', ['vcpus', 'memory_mb', 'root_gb', 'ephemeral_gb', 'swap_mb', 'is_public', 'disabled'])
  made = made.addColumn('rxtx_factor', 'double precision', required)
  await columns(columns(made, 'text', [], ['description']), 'bigint', ['created_at']).execute()
  await columns(table(db, 'compute_flavor_extra_specs'), 'text', ['flavor_id', 'key', 'value'])
    .addPrimaryKeyConstraint('compute_flavor_extra_specs_pk', ['flavor_id', 'key'])
    .execute()
  await columns(table(db, 'compute_flavor_access'), 'text', ['flavor_id', 'project_id'])
    .addPrimaryKeyConstraint('compute_flavor_access_pk', ['flavor_id', 'project_id'])
    .execute()
}

async function keypairs(db: Db): Promise<void> {
  const made = columns(table(db, 'compute_keypairs'), 'text', ['user_id', 'name', 'type', 'fingerprint', 'public_key'])
  await columns(made, 'bigint', ['created_at'])
    .addPrimaryKeyConstraint('compute_keypairs_pk', ['user_id', 'name'])
    .execute()
}

async function hosts(db: Db): Promise<void> {
  let service = table(db, 'compute_services').addColumn('id', 'text', key)
  service = columns(service, 'text', ['host', 'binary'], ['disabled_reason'])
  service = columns(service, 'integer', ['number', 'disabled', 'forced_down'])
  await columns(service, 'bigint', ['last_seen_at', 'created_at'])
    .addUniqueConstraint('compute_services_host_binary', ['host', 'binary'])
    .execute()
  let node = table(db, 'compute_nodes').addColumn('id', 'text', key)
  node = columns(node, 'text', ['service_id', 'host', 'hypervisor_hostname', 'inventory_json'])
  node = columns(node, 'integer', ['number'])
  await columns(node, 'bigint', ['updated_at', 'created_at'])
    .addUniqueConstraint('compute_nodes_host', ['host'])
    .execute()
}

const SERVER_TEXT = ['project_id', 'project_name', 'user_id', 'user_name', 'display_name', 'hostname', 'vm_state']
const SERVER_JSON = ['flavor_id', 'flavor_name', 'flavor_json', 'keys_json', 'metadata_json', 'tags_json']
const SERVER_MORE_JSON = [
  'security_groups_json',
  'scheduler_hints_json',
  'networks_json',
  'network_info_json',
  'disks_json',
]
const SERVER_REST = ['devices_json', 'disk_config', 'reservation_id', 'encrypted_password']
const SERVER_OPTIONAL = ['description', 'task_state', 'image_id', 'image_json', 'host', 'node', 'availability_zone']
const SERVER_MORE_OPTIONAL = [
  'pinned_availability_zone',
  'key_name',
  'user_data',
  'admin_pass',
  'access_ip_v4',
  'access_ip_v6',
]
const SERVER_LAST_OPTIONAL = ['root_device_name', 'locked_by', 'locked_reason']

async function servers(db: Db, kind: StoreKind): Promise<void> {
  let made = table(db, 'compute_servers').addColumn('id', 'text', key)
  made = columns(
    made,
    'text',
    [...SERVER_TEXT, ...SERVER_JSON, ...SERVER_MORE_JSON, ...SERVER_REST],
    [...SERVER_OPTIONAL, ...SERVER_MORE_OPTIONAL, ...SERVER_LAST_OPTIONAL],
  )
  made = columns(made, 'integer', ['number', 'power_state', 'progress', 'config_drive', 'launch_index'])
  await columns(made, 'bigint', ['created_at', 'updated_at'], ['launched_at', 'terminated_at', 'deleted_at']).execute()
  const live = sql.ref('deleted_at')
  await db.schema
    .createIndex('compute_servers_project')
    .on('compute_servers')
    .columns(['project_id', 'created_at', 'id'])
    .execute()
  await db.schema.createIndex('compute_servers_created').on('compute_servers').columns(['created_at', 'id']).execute()
  await db.schema
    .createIndex('compute_servers_host')
    .on('compute_servers')
    .column('host')
    .where(sql<boolean>`${live} is null`)
    .execute()
  await columns(
    columns(
      columns(numbered(db, 'compute_server_faults', kind), 'text', ['server_id', 'message', 'details'], ['host']),
      'integer',
      ['code'],
    ),
    'bigint',
    ['created_at'],
  ).execute()
  await db.schema.createIndex('compute_server_faults_server').on('compute_server_faults').column('server_id').execute()
  await columns(table(db, 'compute_request_specs').addColumn('server_id', 'text', key), 'text', ['spec_json']).execute()
}

async function actions(db: Db, kind: StoreKind): Promise<void> {
  let action = columns(
    numbered(db, 'compute_instance_actions', kind),
    'text',
    ['server_id', 'request_id', 'action'],
    ['user_id', 'project_id', 'message'],
  )
  action = columns(action, 'bigint', ['start_at', 'updated_at'], ['finish_at'])
  await action.execute()
  await db.schema
    .createIndex('compute_instance_actions_server')
    .on('compute_instance_actions')
    .columns(['server_id', 'request_id'])
    .execute()
  let event = columns(
    numbered(db, 'compute_instance_action_events', kind),
    'text',
    ['event'],
    ['host', 'result', 'traceback', 'details'],
  )
  event = columns(event, 'bigint', ['action_id', 'start_at'], ['finish_at'])
  await event.execute()
  await db.schema
    .createIndex('compute_instance_action_events_action')
    .on('compute_instance_action_events')
    .column('action_id')
    .execute()
}

async function quotas(db: Db): Promise<void> {
  await columns(columns(table(db, 'compute_quotas'), 'text', ['project_id', 'resource']), 'integer', ['limit'])
    .addPrimaryKeyConstraint('compute_quotas_pk', ['project_id', 'resource'])
    .execute()
  await columns(table(db, 'compute_counters').addColumn('name', 'text', key), 'bigint', ['value']).execute()
}

export const firstTables: SchemaStep = {
  name: '0001-compute',
  async up(db, kind) {
    await flavors(db)
    await keypairs(db)
    await hosts(db)
    await servers(db, kind)
    await actions(db, kind)
    await quotas(db)
  },
}
