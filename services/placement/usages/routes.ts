// /usages and /resource_providers/{uuid}/usages: what is used, of a project and of a provider.

import { Type } from '@kilonova/api/type'
import { closed, since } from '@kilonova/api/versions'
import type { Amounts } from '../client.ts'
import { providerOf } from '../resource-providers/store.ts'
import { dated, route } from '../route.ts'
import { type UsageOfType, usagesOfProject, usagesOfProvider } from './store.ts'

const owner = { minLength: 1, maxLength: 255 }

const ProjectUsages = Type.Object(
  {
    project_id: Type.String(owner),
    user_id: Type.Optional(Type.String(owner)),
    consumer_type: Type.Optional(Type.String({ pattern: '^([A-Z0-9_]+|all|unknown)$', ...owner, ...since('1.38') })),
  },
  closed,
)

function summed(usages: Iterable<UsageOfType>): UsageOfType {
  const amounts: Amounts = {}
  let consumers = 0
  for (const usage of usages) {
    consumers += usage.consumers
    for (const [name, used] of Object.entries(usage.amounts)) amounts[name] = (amounts[name] ?? 0) + used
  }
  return { consumers, amounts }
}

/** Up to 1.37 the amounts of all; later by consumer type, or of all types under `all`. */
function usagesView(usages: Map<string, UsageOfType>, byType: boolean, consumerType: string | undefined): object {
  if (!byType) return summed(usages.values()).amounts
  const shown = consumerType === 'all' && usages.size > 0 ? new Map([['all', summed(usages.values())]]) : usages
  return Object.fromEntries(
    [...shown].map(([type, { consumers, amounts }]) => [type, { consumer_count: consumers, ...amounts }]),
  )
}

export const usageRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/usages',
    policy: 'placement:resource_providers:usages',
    success: 200,
    handler: async (placement, call) => {
      const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
      const body = { usages: await usagesOfProvider(placement, id), resource_provider_generation: generation }
      return dated(placement, call, { body, changedAt: updated_at })
    },
  }),
  route({
    method: 'GET',
    path: '/usages',
    since: '1.9',
    policy: 'placement:usages',
    query: ProjectUsages,
    success: 200,
    handler: async (placement, call) => {
      const { project_id: projectId, user_id: userId, consumer_type: asked } = call.query
      call.require('placement:usages', { projectId })
      const consumerType = asked === 'all' ? undefined : asked
      const usages = await usagesOfProject(placement, { projectId, userId, consumerType })
      return dated(placement, call, { body: { usages: usagesView(usages, call.at('1.38'), asked) } })
    },
  }),
]
