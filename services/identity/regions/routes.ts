// /v3/regions
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Filters } from '../listing.ts'
import { conditionsOf, listed, selectionOf, selfLink } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { RegionRow } from '../schema/tables.ts'
import { CreateRegion, UpdateRegion } from './schema.ts'

type AnyCall = Call<unknown, unknown>

const FILTERS: Filters = { parent_region_id: { column: 'parent_region_id', kind: 'text' } }

async function regionOf({ regions }: Identity, { params }: AnyCall): Promise<RegionRow> {
  const row = await regions.get(params['id']!)
  if (!row) throw fault('RegionNotFound', { id: params['id']! })
  return row
}

function regionView(call: AnyCall, { id, description, parent_region_id, extra }: RegionRow): Json {
  return { ...(JSON.parse(extra) as Json), id, description, parent_region_id, links: selfLink(call, `regions/${id}`) }
}

export const regionRoutes = [
  route({
    method: 'GET',
    path: '/v3/regions',
    policy: 'identity:list_regions',
    success: 200,
    async handler({ regions }, call) {
      const rows = await regions.list(selectionOf(call.search, conditionsOf(call.search, FILTERS)))
      return listed(call, 'regions', rows, (row) => regionView(call, row))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/regions',
    once: true,
    policy: 'identity:create_region',
    body: CreateRegion,
    success: 201,
    handler: async ({ regions }, call) => ({ region: regionView(call, await regions.create(call.body.region)) }),
  }),
  route({
    method: 'GET',
    path: '/v3/regions/:id',
    policy: 'identity:get_region',
    success: 200,
    handler: async (identity, call) => ({ region: regionView(call, await regionOf(identity, call)) }),
  }),
  route({
    method: 'PUT',
    path: '/v3/regions/:id',
    policy: 'identity:create_region',
    body: CreateRegion,
    success: 201,
    async handler({ regions }, call) {
      const id = call.params['id']!
      if (call.body.region.id !== undefined && call.body.region.id !== id) {
        throw fault('Invalid', { message: `The region's id in the body is not the one in the address, ${id}.` })
      }
      return { region: regionView(call, await regions.create({ ...call.body.region, id })) }
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/regions/:id',
    policy: 'identity:update_region',
    body: UpdateRegion,
    success: 200,
    async handler(identity, call) {
      const row = await regionOf(identity, call)
      return { region: regionView(call, await identity.regions.update(row, call.body.region)) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/regions/:id',
    policy: 'identity:delete_region',
    success: 204,
    handler: async (identity, call) => identity.regions.remove((await regionOf(identity, call)).id),
  }),
]
