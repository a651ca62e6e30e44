// /v2.0/networks
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Listed } from '../listing.ts'
import {
  bool,
  chosenFields,
  everything,
  isTrue,
  listReply,
  listRows,
  nothing,
  number,
  standardColumns,
  text,
} from '../listing.ts'
import { route } from '../route.ts'
import type { NetworkRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import { getNetwork, visibleNetworks } from './rows.ts'
import type { NewNetwork } from './schema.ts'
import { CreateNetworks, UpdateNetwork } from './schema.ts'
import { networkViews } from './view.ts'
import { createNetworks, deleteNetwork, updateNetwork } from './write.ts'

/** Filters on what is the same for all networks. */
const constant = (value: string) => (values: readonly string[]) =>
  values.some((asked) => asked.toLowerCase() === value) ? everything : nothing

export const networkList: Listed = {
  table: 'network_networks',
  collection: 'networks',
  columns: {
    ...standardColumns,
    name: text('name'),
    admin_state_up: bool('admin_state_up'),
    'router:external': bool('is_external'),
    mtu: number('mtu'),
    port_security_enabled: bool('port_security_enabled'),
  },
  conditions: {
    status: constant('active'),
    'provider:network_type': constant('local'),
    shared: (values, { projectId }) => {
      const shared = sql`(shared = 1 or id in (
        select network_id from network_grants where project_id = ${projectId ?? ''}))`
      const asked = new Set(values.map((value) => isTrue('shared', value)))
      if (asked.size > 1) return everything
      return asked.has(true) ? sql<SqlBool>`${shared}` : sql<SqlBool>`not ${shared}`
    },
  },
  notFound: (id) => fault('NetworkNotFound', { id }),
}

export const networkRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/networks',
    policy: 'get_network',
    success: 200,
    handler: async (network, call) => {
      const page = await listRows<NetworkRow>(network, call, networkList, visibleNetworks(call.context))
      return listReply(call, networkList, page, await networkViews(network, call, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/networks',
    once: true,
    policy: 'create_network',
    body: CreateNetworks,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewNetwork>(call.body, 'network', 'networks')
      const views = await networkViews(network, call, await createNetworks(network, call, items))
      return isBulk ? { networks: views } : { network: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/networks/:id',
    policy: 'get_network',
    success: 200,
    handler: async (network, call) => {
      const row = await getNetwork(network, call.context, call.params['id']!)
      const [view] = await networkViews(network, call, [row])
      return { network: chosenFields(call, view!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/networks/:id',
    policy: 'update_network',
    body: UpdateNetwork,
    success: 200,
    handler: async (network, call) => {
      const row = await updateNetwork(network, call, call.body.network)
      return { network: (await networkViews(network, call, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/networks/:id',
    policy: 'delete_network',
    success: 204,
    handler: (network, call) => deleteNetwork(network, call),
  }),
]
