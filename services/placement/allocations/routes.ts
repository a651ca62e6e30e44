// /allocations: what consumers use, by consumer; and by provider.
import type { Call } from '@kilonova/api/route'
import { isUuidLike } from '@kilonova/base/ids'
import type { Allocations } from '../client.ts'
import { fault } from '../faults.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { providerOf } from '../resource-providers/store.ts'
import { dated, route } from '../route.ts'
import type { ConsumerRow } from '../schema/tables.ts'
import { consumptionOf } from './consumption.ts'
import { type Consumption, replaceAllocations } from './replace.ts'
import { type AskedConsumer, PostAllocations, PutAllocations, PutAllocationsList } from './schema.ts'
import { allocationsOf, consumerOf, consumersOfProvider } from './store.ts'

/** Of consumers that were made before versions asked for an owner. */
const NOBODY = '00000000-0000-0000-0000-000000000000'

async function put(placement: Placement, call: Call, asked: AskedConsumer): Promise<void> {
  const consumer = call.params['consumer']!
  if (!isUuidLike(consumer)) {
    throw fault('BadRequest', { message: `Malformed consumer_uuid: ${consumer} is not a UUID.` })
  }
  await replaceAllocations(placement, [await consumptionOf(placement, call, consumer, asked)])
}

async function withGenerations(placement: Placement, allocations: Allocations): Promise<object> {
  const rows = await inParts(Object.keys(allocations), (part) =>
    tables(placement)
      .selectFrom('placement_resource_providers')
      .select(['id', 'generation'])
      .where('id', 'in', part)
      .execute(),
  )
  return Object.fromEntries(rows.map(({ id, generation }) => [id, { generation, resources: allocations[id] }]))
}

function ownerView({ at }: Pick<Call, 'at'>, row: ConsumerRow): object {
  return {
    ...(at('1.12') ? { project_id: row.project_id, user_id: row.user_id } : {}),
    ...(at('1.28') ? { consumer_generation: row.generation } : {}),
    ...(at('1.38') ? { consumer_type: row.consumer_type ?? 'unknown' } : {}),
  }
}

export const allocationRoutes = [
  route({
    method: 'GET',
    path: '/allocations/:consumer',
    policy: 'placement:allocations:list',
    success: 200,
    handler: async (placement, call) => {
      const consumer = await consumerOf(placement, call.params['consumer']!)
      if (!consumer) return dated(placement, call, { body: { allocations: {} } })
      const allocations = await withGenerations(placement, await allocationsOf(placement, consumer.id))
      return dated(placement, call, {
        body: { allocations, ...ownerView(call, consumer) },
        changedAt: consumer.updated_at,
      })
    },
  }),
  route({
    method: 'PUT',
    path: '/allocations/:consumer',
    until: '1.11',
    policy: 'placement:allocations:update',
    body: PutAllocationsList,
    success: 204,
    handler: (placement, call) => {
      const { allocations: listed, project_id = NOBODY, user_id = NOBODY } = call.body
      const allocations = Object.fromEntries(
        listed.map(({ resource_provider, resources }) => [resource_provider.uuid, { resources }]),
      )
      return put(placement, call, { allocations, project_id, user_id })
    },
  }),
  route({
    method: 'PUT',
    path: '/allocations/:consumer',
    since: '1.12',
    policy: 'placement:allocations:update',
    body: PutAllocations,
    success: 204,
    handler: (placement, call) => put(placement, call, call.body),
  }),
  route({
    method: 'POST',
    path: '/allocations',
    since: '1.13',
    policy: 'placement:allocations:manage',
    body: PostAllocations,
    success: 204,
    handler: async (placement, call) => {
      const asked: Consumption[] = []
      for (const [id, consumer] of Object.entries(call.body)) {
        asked.push(await consumptionOf(placement, call, id, consumer))
      }
      await replaceAllocations(placement, asked)
    },
  }),
  route({
    method: 'DELETE',
    path: '/allocations/:consumer',
    policy: 'placement:allocations:delete',
    success: 204,
    handler: (placement, { params }) =>
      placement.store.transaction(async () => {
        const consumer = params['consumer']!
        const row = await consumerOf(placement, consumer)
        if (!row) throw fault('AllocationsNotFound', { consumer })
        const { project_id: projectId, user_id: userId } = row
        await replaceAllocations(placement, [{ consumerId: consumer, projectId, userId, allocations: {} }])
      }),
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/allocations',
    policy: 'placement:resource_providers:allocations:list',
    success: 200,
    handler: async (placement, call) => {
      const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
      const consumers = await consumersOfProvider(placement, id)
      const shown = [...consumers].map(([consumer, { resources, generation: consumer_generation }]) => [
        consumer,
        { resources, ...(call.at('1.28') ? { consumer_generation } : {}) },
      ])
      const body = { allocations: Object.fromEntries(shown), resource_provider_generation: generation }
      return dated(placement, call, { body, changedAt: updated_at })
    },
  }),
]
