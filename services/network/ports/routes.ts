// /v2.0/ports
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { canonical } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Condition, Listed } from '../listing.ts'
import { bool, chosenFields, listReply, listRows, standardColumns, text } from '../listing.ts'
import { route } from '../route.ts'
import type { PortRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import { createPorts } from './create.ts'
import { getPort, visiblePorts } from './rows.ts'
import type { NewPort } from './schema.ts'
import { CreatePorts, UpdatePort } from './schema.ts'
import { deletePort, updatePort } from './update.ts'
import { portViews } from './view.ts'

/** `fixed_ips=ip_address=…`, `fixed_ips=subnet_id=…`, `fixed_ips=ip_address_substr=…`: of one name any, of several all. */
function byFixedIps(values: readonly string[]): Condition {
  const asked = new Map<string, string[]>()
  for (const value of values) {
    const [name = '', ...rest] = value.split('=')
    asked.set(name, [...(asked.get(name) ?? []), rest.join('=')])
  }
  const conditions = [...asked].map(
    ([name, wanted]) => sql`id in (
    select a.port_id from network_ip_allocations a where ${allocationWhere(name, wanted)})`,
  )
  return sql<SqlBool>`(${sql.join(conditions, sql` and `)})`
}

function allocationWhere(name: string, wanted: readonly string[]): Condition {
  switch (name) {
    case 'ip_address':
      return sql<SqlBool>`a.ip_address in (${sql.join(wanted.map((address) => canonical(address) ?? address))})`
    case 'subnet_id':
      return sql<SqlBool>`a.subnet_id in (${sql.join(wanted)})`
    case 'ip_address_substr': {
      const holdsPart = wanted.map((part) => sql`length(replace(a.ip_address, ${part}, '')) < length(a.ip_address)`)
      return sql<SqlBool>`(${sql.join(holdsPart, sql` or `)})`
    }
    default:
      throw fault('InvalidInput', { message: `'${name}' is not a valid filter on fixed_ips` })
  }
}

export const portList: Listed = {
  table: 'network_ports',
  collection: 'ports',
  columns: {
    ...standardColumns,
    name: text('name'),
    network_id: text('network_id'),
    mac_address: text('mac_address'),
    admin_state_up: bool('admin_state_up'),
    status: text('status'),
    device_id: text('device_id'),
    device_owner: text('device_owner'),
    port_security_enabled: bool('port_security_enabled'),
    'binding:host_id': text('host'),
    'binding:vif_type': text('vif_type'),
    'binding:vnic_type': text('vnic_type'),
  },
  conditions: {
    mac_address: (values) => sql<SqlBool>`mac_address in (${sql.join(values.map((value) => value.toLowerCase()))})`,
    fixed_ips: byFixedIps,
    ip_address: (values) => byFixedIps(values.map((value) => `ip_address=${value}`)),
    security_groups: (values) => sql<SqlBool>`id in (
      select port_id from network_port_security_groups where security_group_id in (${sql.join(values)}))`,
  },
  notFound: (id) => fault('PortNotFound', { id }),
}

const PRIVILEGED_FILTERS = ['binding:host_id', 'binding:vif_type']

export const portRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/ports',
    policy: 'get_port',
    success: 200,
    handler: async (network, call) => {
      if (PRIVILEGED_FILTERS.some((name) => call.search.has(name))) call.require('get_port:binding')
      const page = await listRows<PortRow>(network, call, portList, visiblePorts(call.context))
      return listReply(call, portList, page, await portViews(network, call, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/ports',
    once: true,
    policy: 'create_port',
    body: CreatePorts,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewPort>(call.body, 'port', 'ports')
      const views = await portViews(network, call, await createPorts(network, call, items))
      return isBulk ? { ports: views } : { port: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/ports/:id',
    policy: 'get_port',
    success: 200,
    handler: async (network, call) => {
      const row = await getPort(network, call.context, call.params['id']!)
      return { port: chosenFields(call, (await portViews(network, call, [row]))[0]!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/ports/:id',
    policy: 'update_port',
    body: UpdatePort,
    success: 200,
    handler: async (network, call) => {
      const row = await updatePort(network, call, call.body.port)
      return { port: (await portViews(network, call, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/ports/:id',
    policy: 'delete_port',
    success: 204,
    handler: (network, call) => deletePort(network, call),
  }),
]
