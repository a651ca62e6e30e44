// /v2.0/floatingips
import { fault } from '../faults.ts'
import type { Listed } from '../listing.ts'
import { chosenFields, listReply, listRows, ownRows, standardColumns, text } from '../listing.ts'
import { route } from '../route.ts'
import type { FloatingIpRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import type { NewFloatingIp } from './schema.ts'
import { CreateFloatingIps, UpdateFloatingIp } from './schema.ts'
import { floatingIpViews } from './view.ts'
import { createFloatingIps, deleteFloatingIp, getFloatingIp, updateFloatingIp } from './write.ts'

export const floatingIpList: Listed = {
  table: 'network_floating_ips',
  collection: 'floatingips',
  columns: {
    ...standardColumns,
    floating_network_id: text('floating_network_id'),
    floating_ip_address: text('floating_ip_address'),
    fixed_ip_address: text('fixed_ip_address'),
    port_id: text('fixed_port_id'),
    router_id: text('router_id'),
    status: text('status'),
  },
  notFound: (id) => fault('FloatingIPNotFound', { id }),
}

export const floatingIpRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/floatingips',
    policy: 'get_floatingip',
    success: 200,
    handler: async (network, call) => {
      const page = await listRows<FloatingIpRow>(network, call, floatingIpList, ownRows(call.context))
      return listReply(call, floatingIpList, page, await floatingIpViews(network, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/floatingips',
    once: true,
    policy: 'create_floatingip',
    body: CreateFloatingIps,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewFloatingIp>(call.body, 'floatingip', 'floatingips')
      const views = await floatingIpViews(network, await createFloatingIps(network, call, items))
      return isBulk ? { floatingips: views } : { floatingip: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/floatingips/:id',
    policy: 'get_floatingip',
    success: 200,
    handler: async (network, call) => {
      const row = await getFloatingIp(network, call.context, call.params['id']!)
      return { floatingip: chosenFields(call, (await floatingIpViews(network, [row]))[0]!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/floatingips/:id',
    policy: 'update_floatingip',
    body: UpdateFloatingIp,
    success: 200,
    handler: async (network, call) => {
      const row = await updateFloatingIp(network, call, call.body.floatingip)
      return { floatingip: (await floatingIpViews(network, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/floatingips/:id',
    policy: 'delete_floatingip',
    success: 204,
    handler: (network, call) => deleteFloatingIp(network, call),
  }),
]
