// /v3/endpoints
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf, selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { EndpointRow } from '../schema/tables.ts'
import { withBase } from './catalog.ts'
import { CreateEndpoint, UpdateEndpoint } from './schema.ts'

type AnyCall = Call<unknown, unknown>

const FILTERS: Filters = {
  interface: { column: 'interface', kind: 'text' },
  service_id: { column: 'service_id', kind: 'text' },
  region_id: { column: 'region_id', kind: 'text' },
  region: { column: 'region_id', kind: 'text' },
  enabled: { column: 'enabled', kind: 'flag' },
}

/** The base of all urls in the catalog: as configured, or as this caller reached us. */
export function baseUrlFor({ options }: Identity, { url }: AnyCall): string {
  return options.public_endpoint.replace(/\/+$/, '') || url.origin
}

async function endpointOf({ endpoints }: Identity, { params }: AnyCall): Promise<EndpointRow> {
  const row = await endpoints.get(params['id']!)
  if (!row) throw fault('EndpointNotFound', { id: params['id']! })
  return row
}

function endpointView(identity: Identity, call: AnyCall, row: EndpointRow): Json {
  const { id, interface: side, region_id, service_id, enabled, extra } = row
  return {
    ...(JSON.parse(extra) as Json),
    id,
    interface: side,
    region: region_id,
    region_id,
    service_id,
    url: withBase(row.url, baseUrlFor(identity, call)),
    enabled: enabled === 1,
    links: selfLink(call, `endpoints/${id}`),
  }
}

export const endpointRoutes = [
  route({
    method: 'GET',
    path: '/v3/endpoints',
    policy: 'identity:list_endpoints',
    success: 200,
    async handler(identity, call) {
      const rows = await identity.endpoints.list(selectionOf(call.search, conditionsOf(call.search, FILTERS)))
      return listed(call, 'endpoints', rows, (row) => endpointView(identity, call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/endpoints',
    once: true,
    policy: 'identity:create_endpoint',
    body: CreateEndpoint,
    success: 201,
    async handler(identity, call) {
      const row = await identity.endpoints.create(call.body.endpoint)
      return { endpoint: endpointView(identity, call, row) }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/endpoints/:id',
    policy: 'identity:get_endpoint',
    success: 200,
    handler: async (identity, call) => ({ endpoint: endpointView(identity, call, await endpointOf(identity, call)) }),
  }),
  route({
    method: 'PATCH',
    path: '/v3/endpoints/:id',
    policy: 'identity:update_endpoint',
    body: UpdateEndpoint,
    success: 200,
    async handler(identity, call) {
      const row = await identity.endpoints.update(await endpointOf(identity, call), call.body.endpoint)
      return { endpoint: endpointView(identity, call, row) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/endpoints/:id',
    policy: 'identity:delete_endpoint',
    success: 204,
    handler: async (identity, call) => identity.endpoints.remove((await endpointOf(identity, call)).id),
  }),
]
