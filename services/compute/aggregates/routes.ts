// The routes of aggregates.
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { cacheImages } from './cache-images.ts'
import { createAggregate, deleteAggregate, setMetadata, updateAggregate } from './change.ts'
import { addHost, removeHost } from './hosts.ts'
import {
  AddHost,
  AggregateShown,
  AggregatesListed,
  CacheImages,
  CreateAggregate,
  RemoveHost,
  SetMetadata,
  UpdateAggregate,
} from './schema.ts'
import { getAggregate, listAggregates } from './store.ts'
import { aggregateView, newAggregateView } from './view.ts'

const ALL = '/v2.1/os-aggregates'
const ONE = '/v2.1/os-aggregates/:id'
const ACTION = '/v2.1/os-aggregates/:id/action'

function idOf({ params }: Pick<Call, 'params'>): number {
  const id = params['id']!
  if (!/^\d{1,9}$/.test(id)) throw fault('BadRequest', { message: 'Invalid input received: id must be an integer' })
  return Number(id)
}

export const aggregateRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-aggregates:index',
    success: 200,
    reply: AggregatesListed,
    handler: async (compute) => ({ aggregates: (await listAggregates(compute)).map(aggregateView) }),
  }),
  route({
    method: 'POST',
    path: ALL,
    once: true,
    policy: 'os-aggregates:create',
    body: CreateAggregate,
    success: 200,
    reply: AggregateShown,
    handler: async (compute, { body }) => ({
      aggregate: newAggregateView(await createAggregate(compute, body.aggregate)),
    }),
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-aggregates:show',
    success: 200,
    reply: AggregateShown,
    handler: async (compute, call) => ({ aggregate: aggregateView(await getAggregate(compute, idOf(call))) }),
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'os-aggregates:update',
    body: UpdateAggregate,
    success: 200,
    reply: AggregateShown,
    handler: async (compute, call) => ({
      aggregate: aggregateView(await updateAggregate(compute, idOf(call), call.body.aggregate)),
    }),
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-aggregates:delete',
    success: 200,
    handler: (compute, call) => deleteAggregate(compute, idOf(call)),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'add_host',
    policy: 'os-aggregates:add_host',
    body: AddHost,
    success: 200,
    reply: AggregateShown,
    handler: async (compute, call) => ({
      aggregate: aggregateView(await addHost(compute, idOf(call), call.body.add_host.host)),
    }),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'remove_host',
    policy: 'os-aggregates:remove_host',
    body: RemoveHost,
    success: 200,
    reply: AggregateShown,
    handler: async (compute, call) => ({
      aggregate: aggregateView(await removeHost(compute, idOf(call), call.body.remove_host.host)),
    }),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'set_metadata',
    policy: 'os-aggregates:set_metadata',
    body: SetMetadata,
    success: 200,
    reply: AggregateShown,
    handler: async (compute, call) => ({
      aggregate: aggregateView(await setMetadata(compute, idOf(call), call.body.set_metadata.metadata)),
    }),
  }),
  route({
    method: 'POST',
    path: '/v2.1/os-aggregates/:id/images',
    since: '2.81',
    policy: 'compute:aggregates:images',
    body: CacheImages,
    success: 202,
    handler: (compute, call) =>
      cacheImages(
        compute,
        call.context,
        idOf(call),
        call.body.cache.map(({ id }) => id),
      ),
  }),
]
