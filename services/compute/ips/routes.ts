// The addresses of a server, by the name of their network.
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { ServerRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'
import { addressesOf } from '../servers/view.ts'

interface PlainAddress {
  addr: string
  version: 4 | 6
}

function plainAddresses(row: ServerRow): Record<string, PlainAddress[]> {
  const entries = Object.entries(addressesOf(row))
  return Object.fromEntries(
    entries.map(([label, list]) => [label, list.map(({ addr, version }) => ({ addr, version }))]),
  )
}

function ofNetwork(row: ServerRow, label: string): Record<string, PlainAddress[]> {
  const addresses = plainAddresses(row)[label]
  if (!addresses) throw fault('BadRequest', { message: 'Instance is not a member of specified network' })
  return { [label]: addresses }
}

export const ipRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/servers/:serverId/ips',
    policy: 'ips:index',
    success: 200,
    handler: async (compute, { context, params }) => ({
      addresses: plainAddresses(await getServer(compute, context, params['serverId']!)),
    }),
  }),
  route({
    method: 'GET',
    path: '/v2.1/servers/:serverId/ips/:label',
    policy: 'ips:show',
    success: 200,
    handler: async (compute, { context, params }) =>
      ofNetwork(await getServer(compute, context, params['serverId']!), params['label']!),
  }),
]
