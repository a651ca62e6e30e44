// The first tables of network.
import type { SchemaStep } from '@kilonova/store/schema'
import type { ColumnDefinitionBuilder, CreateTableBuilder, Kysely } from 'kysely'

type Table = CreateTableBuilder<string, string>
// biome-ignore lint/suspicious/noExplicitAny: a step knows the tables as they were at its time
type Db = Kysely<any>

const required = (column: ColumnDefinitionBuilder) => column.notNull()
const key = (column: ColumnDefinitionBuilder) => column.primaryKey()
const to = (target: string) => (column: ColumnDefinitionBuilder) => column.notNull().references(target)
const partOf = (target: string) => (column: ColumnDefinitionBuilder) =>
  column.notNull().references(target).onDelete('cascade')

const table = (db: Db, name: string): Table => db.schema.createTable(name) as Table

function columns(
  made: Table,
  type: 'text' | 'integer' | 'bigint',
  names: readonly string[],
  optional: readonly string[] = [],
): Table {
  const withRequired = names.reduce((before, name) => before.addColumn(name, type, required), made)
  return optional.reduce((before, name) => before.addColumn(name, type), withRequired)
}

/** A resource of the API. */
function resource(db: Db, name: string): Table {
  const made = columns(table(db, name).addColumn('id', 'text', key), 'text', ['project_id', 'description'])
  return columns(made, 'bigint', ['revision_number', 'created_at', 'updated_at'])
}

async function index(db: Db, name: string, names: string[]): Promise<void> {
  await db.schema
    .createIndex(`network_${name}_${names.join('_')}`)
    .on(`network_${name}`)
    .columns(names)
    .execute()
}

async function networks(db: Db): Promise<void> {
  const made = columns(resource(db, 'network_networks'), 'text', ['name'])
  const flags = ['admin_state_up', 'shared', 'is_external', 'port_security_enabled']
  await columns(made, 'integer', [...flags, 'mtu']).execute()
  await index(db, 'networks', ['project_id'])
  await table(db, 'network_grants')
    .addColumn('network_id', 'text', partOf('network_networks.id'))
    .addColumn('project_id', 'text', required)
    .addPrimaryKeyConstraint('network_grants_pk', ['network_id', 'project_id'])
    .execute()
}

async function subnets(db: Db): Promise<void> {
  let made = resource(db, 'network_subnets').addColumn('network_id', 'text', to('network_networks.id'))
  made = columns(
    made,
    'text',
    ['name', 'cidr', 'allocation_pools_json', 'dns_nameservers_json', 'host_routes_json'],
    ['gateway_ip', 'ipv6_address_mode', 'ipv6_ra_mode'],
  )
  await columns(made, 'integer', ['ip_version', 'enable_dhcp']).execute()
  await index(db, 'subnets', ['network_id'])
  await index(db, 'subnets', ['project_id'])
}

async function ports(db: Db): Promise<void> {
  let made = resource(db, 'network_ports').addColumn('network_id', 'text', to('network_networks.id'))
  made = columns(
    made,
    'text',
    [
      'name',
      'mac_address',
      'status',
      'device_id',
      'device_owner',
      'vif_type',
      'vnic_type',
      'profile_json',
      'allowed_address_pairs_json',
      'extra_dhcp_opts_json',
    ],
    ['host', 'hostname', 'status_reason'],
  )
  await columns(made, 'integer', ['admin_state_up', 'port_security_enabled'])
    .addUniqueConstraint('network_ports_mac', ['network_id', 'mac_address'])
    .execute()
  for (const column of ['project_id', 'device_id', 'host']) await index(db, 'ports', [column])
  await table(db, 'network_ip_allocations')
    .addColumn('subnet_id', 'text', to('network_subnets.id'))
    .addColumn('ip_address', 'text', required)
    .addColumn('port_id', 'text', partOf('network_ports.id'))
    .addColumn('network_id', 'text', required)
    .addColumn('position', 'integer', required)
    .addPrimaryKeyConstraint('network_ip_allocations_pk', ['subnet_id', 'ip_address'])
    .execute()
  await index(db, 'ip_allocations', ['port_id'])
  await index(db, 'ip_allocations', ['network_id', 'ip_address'])
}

async function securityGroups(db: Db): Promise<void> {
  const group = columns(resource(db, 'network_security_groups'), 'text', ['name'])
  await columns(group, 'integer', ['stateful'])
    .addColumn('default_of', 'text', (column) => column.unique())
    .execute()
  await index(db, 'security_groups', ['project_id'])
  let rule = resource(db, 'network_security_group_rules')
  rule = rule.addColumn('security_group_id', 'text', partOf('network_security_groups.id'))
  rule = rule.addColumn('remote_group_id', 'text', (column) =>
    column.references('network_security_groups.id').onDelete('cascade'),
  )
  rule = columns(rule, 'text', ['direction', 'ethertype', 'matches'], ['protocol', 'remote_ip_prefix'])
  await columns(rule, 'integer', [], ['port_range_min', 'port_range_max'])
    .addUniqueConstraint('network_security_group_rules_matches', ['security_group_id', 'matches'])
    .execute()
  await index(db, 'security_group_rules', ['remote_group_id'])
  await index(db, 'security_group_rules', ['project_id'])
  await table(db, 'network_port_security_groups')
    .addColumn('port_id', 'text', partOf('network_ports.id'))
    .addColumn('security_group_id', 'text', to('network_security_groups.id'))
    .addPrimaryKeyConstraint('network_port_security_groups_pk', ['port_id', 'security_group_id'])
    .execute()
  await index(db, 'port_security_groups', ['security_group_id'])
}

async function routers(db: Db): Promise<void> {
  const router = resource(db, 'network_routers')
    .addColumn('gateway_network_id', 'text', (column) => column.references('network_networks.id'))
    .addColumn('gateway_port_id', 'text', (column) => column.references('network_ports.id'))
  await columns(columns(router, 'text', ['name', 'routes_json']), 'integer', [
    'admin_state_up',
    'enable_snat',
  ]).execute()
  await index(db, 'routers', ['project_id'])
  const floating = resource(db, 'network_floating_ips')
    .addColumn('floating_network_id', 'text', to('network_networks.id'))
    .addColumn('floating_port_id', 'text', to('network_ports.id'))
    .addColumn('fixed_port_id', 'text', (column) => column.references('network_ports.id'))
    .addColumn('router_id', 'text', (column) => column.references('network_routers.id'))
  await columns(floating, 'text', ['floating_ip_address', 'status'], ['fixed_ip_address'])
    .addUniqueConstraint('network_floating_ips_fixed', ['fixed_port_id', 'fixed_ip_address', 'floating_network_id'])
    .execute()
  for (const column of ['project_id', 'router_id', 'floating_port_id']) await index(db, 'floating_ips', [column])
}

async function theRest(db: Db): Promise<void> {
  await columns(table(db, 'network_tags'), 'text', ['resource_id', 'tag'])
    .addPrimaryKeyConstraint('network_tags_pk', ['resource_id', 'tag'])
    .execute()
  await columns(columns(table(db, 'network_quotas'), 'text', ['project_id', 'resource']), 'bigint', ['quota_limit'])
    .addPrimaryKeyConstraint('network_quotas_pk', ['project_id', 'resource'])
    .execute()
  const agent = table(db, 'network_agents')
    .addColumn('id', 'text', key)
    .addColumn('host', 'text', (column) => column.notNull().unique())
  await columns(columns(agent, 'text', ['backend'], ['description']), 'bigint', [
    'created_at',
    'started_at',
    'heartbeat_at',
  ])
    .addColumn('admin_state_up', 'integer', required)
    .execute()
  await columns(table(db, 'network_counters').addColumn('name', 'text', key), 'bigint', ['value']).execute()
  await table(db, 'network_bootstrapped').addColumn('name', 'text', key).execute()
}

export const firstTables: SchemaStep = {
  name: '0001-network',
  async up(db) {
    await networks(db)
    await subnets(db)
    await ports(db)
    await securityGroups(db)
    await routers(db)
    await theRest(db)
  },
}
