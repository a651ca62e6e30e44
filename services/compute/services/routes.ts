// The routes of services.

import type { Call } from '@kilonova/api/route'
import { isUuid } from '@kilonova/base/ids'
import { zonesOfHosts } from '../aggregates/zones.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { deleteService } from './delete.ts'
import { ActOnService, ListServices, ServicesListed, UpdateService } from './schema.ts'
import { listServices } from './store.ts'
import { actOnService, changeService } from './update.ts'
import { serviceView } from './view.ts'

const ONE = '/v2.1/os-services/:id'

function uuidOf({ params }: Pick<Call, 'params'>): string {
  const id = params['id']!
  if (!isUuid(id)) throw fault('BadRequest', { message: `Invalid uuid ${id}` })
  return id
}

function numberOf({ params }: Pick<Call, 'params'>): number {
  const id = params['id']!
  if (!/^\d{1,9}$/.test(id)) throw fault('BadRequest', { message: 'Invalid input received: id must be an integer' })
  return Number(id)
}

export const serviceRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/os-services',
    policy: 'os-services:list',
    query: ListServices,
    success: 200,
    reply: ServicesListed,
    handler: async (compute, call) => {
      const rows = await listServices(compute, call.query)
      const asked = { compute, call, zoneOf: await zonesOfHosts(compute) }
      return { services: rows.map((row) => serviceView(asked, row)) }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    until: '2.52',
    policy: 'os-services:update',
    body: ActOnService,
    success: 200,
    handler: async (compute, { params, body, at }) => {
      const action = params['id']!
      if (action === 'force-down' && !at('2.11')) throw fault('UnknownServiceAction', {})
      return { service: await actOnService(compute, action, body) }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    since: '2.53',
    policy: 'os-services:update',
    body: UpdateService,
    success: 200,
    handler: async (compute, call) => {
      const row = await changeService(compute, uuidOf(call), call.body)
      return { service: serviceView({ compute, call, zoneOf: await zonesOfHosts(compute) }, row) }
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-services:delete',
    success: 204,
    handler: (compute, call) => deleteService(compute, call.at('2.53') ? uuidOf(call) : numberOf(call)),
  }),
]
