// /resource_providers/{uuid}/traits and …/aggregates: what a provider is and where it belongs.
import type { Call } from '@kilonova/api/route'
import type { Placement } from '../placement.ts'
import { dated, route } from '../route.ts'
import { requireTraits } from '../traits/store.ts'
import { aggregatesOf, setAggregates } from './aggregates.ts'
import { setTraits, traitsOf } from './provider-traits.ts'
import { PutAggregates, PutAggregatesList, PutTraits, ShownAggregates } from './schema.ts'
import { providerOf } from './store.ts'

async function shownTraits(placement: Placement, call: Pick<Call, 'at' | 'params'>) {
  const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
  const traits = (await traitsOf(placement, [id])).get(id) ?? []
  return dated(placement, call, { body: { resource_provider_generation: generation, traits }, changedAt: updated_at })
}

async function shownAggregates(placement: Placement, call: Pick<Call, 'at' | 'params'>) {
  const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
  const body = { aggregates: await aggregatesOf(placement, id), resource_provider_generation: generation }
  return dated(placement, call, { body, changedAt: updated_at })
}

export const providerTraitRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/traits',
    since: '1.6',
    policy: 'placement:resource_providers:traits:list',
    success: 200,
    handler: shownTraits,
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/traits',
    since: '1.6',
    policy: 'placement:resource_providers:traits:update',
    body: PutTraits,
    success: 200,
    handler: async (placement, call) => {
      const { traits, resource_provider_generation } = call.body
      const { id } = await providerOf(placement, call.params['uuid']!)
      await requireTraits(placement, traits)
      await setTraits(placement, id, traits, resource_provider_generation)
      return shownTraits(placement, call)
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/traits',
    since: '1.6',
    policy: 'placement:resource_providers:traits:delete',
    success: 204,
    handler: async (placement, { params }) => {
      await setTraits(placement, params['uuid']!, [])
    },
  }),
]

export const aggregateRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/aggregates',
    since: '1.1',
    policy: 'placement:resource_providers:aggregates:list',
    success: 200,
    reply: ShownAggregates,
    handler: shownAggregates,
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/aggregates',
    since: '1.1',
    until: '1.18',
    policy: 'placement:resource_providers:aggregates:update',
    body: PutAggregatesList,
    success: 200,
    reply: ShownAggregates,
    handler: async (placement, call) => {
      await setAggregates(placement, call.params['uuid']!, call.body)
      return shownAggregates(placement, call)
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/aggregates',
    since: '1.19',
    policy: 'placement:resource_providers:aggregates:update',
    body: PutAggregates,
    success: 200,
    handler: async (placement, call) => {
      const { aggregates, resource_provider_generation } = call.body
      await setAggregates(placement, call.params['uuid']!, aggregates, resource_provider_generation)
      return shownAggregates(placement, call)
    },
  }),
]
