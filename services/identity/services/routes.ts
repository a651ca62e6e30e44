// /v3/services
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf, selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { CreateService, UpdateService } from './schema.ts'

type AnyCall = Call<unknown, unknown>

const FILTERS: Filters = { type: { column: 'type', kind: 'text' }, name: { column: 'name', kind: 'text' } }

async function serviceOf({ services }: Identity, { params }: AnyCall): Promise<ServiceRow> {
  const row = await services.get(params['id']!)
  if (!row) throw fault('ServiceNotFound', { id: params['id']! })
  return row
}

function serviceView(call: AnyCall, { id, type, name, enabled, extra }: ServiceRow): Json {
  const links = selfLink(call, `services/${id}`)
  return { ...(JSON.parse(extra) as Json), id, type, name, enabled: enabled === 1, links }
}

export const serviceRoutes = [
  route({
    method: 'GET',
    path: '/v3/services',
    policy: 'identity:list_services',
    success: 200,
    async handler({ services }, call) {
      const rows = await services.list(selectionOf(call.search, conditionsOf(call.search, FILTERS)))
      return listed(call, 'services', rows, (row) => serviceView(call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/services',
    once: true,
    policy: 'identity:create_service',
    body: CreateService,
    success: 201,
    handler: async ({ services }, call) => ({ service: serviceView(call, await services.create(call.body.service)) }),
  }),
  route({
    method: 'GET',
    path: '/v3/services/:id',
    policy: 'identity:get_service',
    success: 200,
    handler: async (identity, call) => ({ service: serviceView(call, await serviceOf(identity, call)) }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/services/:id',
    policy: 'identity:update_service',
    body: UpdateService,
    success: 200,
    async handler(identity, call) {
      const row = await serviceOf(identity, call)
      return { service: serviceView(call, await identity.services.update(row, call.body.service)) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/services/:id',
    policy: 'identity:delete_service',
    success: 204,
    handler: async (identity, call) => identity.services.remove((await serviceOf(identity, call)).id),
  }),
]
