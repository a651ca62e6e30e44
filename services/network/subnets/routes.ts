// /v2.0/subnets
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Listed } from '../listing.ts'
import { bool, chosenFields, isTrue, listReply, listRows, number, standardColumns, text } from '../listing.ts'
import { route } from '../route.ts'
import type { SubnetRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import { getSubnet, visibleSubnets } from './rows.ts'
import type { NewSubnet } from './schema.ts'
import { CreateSubnets, UpdateSubnet } from './schema.ts'
import { subnetViews } from './view.ts'
import { createSubnets, deleteSubnet, updateSubnet } from './write.ts'

/** A property of the subnet's network. */
const ofNetwork = (name: string, column: string) => (values: readonly string[]) => {
  const asked = values.map((value) => (isTrue(name, value) ? 1 : 0))
  return sql<SqlBool>`network_id in (
    select n.id from network_networks n where ${sql.ref(`n.${column}`)} in (${sql.join(asked)}))`
}

export const subnetList: Listed = {
  table: 'network_subnets',
  collection: 'subnets',
  columns: {
    ...standardColumns,
    name: text('name'),
    network_id: text('network_id'),
    ip_version: number('ip_version'),
    cidr: text('cidr'),
    gateway_ip: text('gateway_ip'),
    enable_dhcp: bool('enable_dhcp'),
    ipv6_address_mode: text('ipv6_address_mode'),
    ipv6_ra_mode: text('ipv6_ra_mode'),
  },
  conditions: { 'router:external': ofNetwork('router:external', 'is_external'), shared: ofNetwork('shared', 'shared') },
  notFound: (id) => fault('SubnetNotFound', { id }),
}

export const subnetRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/subnets',
    policy: 'get_subnet',
    success: 200,
    handler: async (network, call) => {
      const page = await listRows<SubnetRow>(network, call, subnetList, visibleSubnets(call.context))
      return listReply(call, subnetList, page, await subnetViews(network, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/subnets',
    once: true,
    policy: 'create_subnet',
    body: CreateSubnets,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewSubnet>(call.body, 'subnet', 'subnets')
      const views = await subnetViews(network, await createSubnets(network, call, items))
      return isBulk ? { subnets: views } : { subnet: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/subnets/:id',
    policy: 'get_subnet',
    success: 200,
    handler: async (network, call) => {
      const row = await getSubnet(network, call.context, call.params['id']!)
      return { subnet: chosenFields(call, (await subnetViews(network, [row]))[0]!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/subnets/:id',
    policy: 'update_subnet',
    body: UpdateSubnet,
    success: 200,
    handler: async (network, call) => {
      const row = await updateSubnet(network, call, call.body.subnet)
      return { subnet: (await subnetViews(network, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/subnets/:id',
    policy: 'delete_subnet',
    success: 204,
    handler: (network, call) => deleteSubnet(network, call),
  }),
]
