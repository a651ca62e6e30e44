// /allocation_candidates: the ways to serve a request.
import type { Call } from '@kilonova/api/route'
import type { ProviderSummary } from '../client.ts'
import type { Placement } from '../placement.ts'
import { dated, route } from '../route.ts'
import { askedRequest } from './asked-request.ts'
import { findCandidates } from './find.ts'
import type { FoundCandidate, Request } from './request.ts'
import { providersOfTrees, summariesOf } from './summaries.ts'

type At = Pick<Call, 'at'>

function candidateView({ at }: At, { allocations, mappings }: FoundCandidate): object {
  const byProvider = [...allocations].map(([id, amounts]): [string, object] => [id, Object.fromEntries(amounts)])
  if (!at('1.12')) {
    return { allocations: byProvider.map(([uuid, resources]) => ({ resource_provider: { uuid }, resources })) }
  }
  return {
    allocations: Object.fromEntries(byProvider.map(([id, resources]) => [id, { resources }])),
    ...(at('1.34') ? { mappings: Object.fromEntries(mappings) } : {}),
  }
}

function summaryView({ at }: At, summary: ProviderSummary, { groups }: Request): object {
  const asked = new Set(groups.flatMap(({ resources }) => Object.keys(resources)))
  const shown = Object.entries(summary.resources).filter(([name]) => at('1.27') || asked.has(name))
  return {
    resources: Object.fromEntries(shown),
    ...(at('1.17') ? { traits: summary.traits } : {}),
    ...(at('1.29') ? { parent_provider_uuid: summary.parentId, root_provider_uuid: summary.rootId } : {}),
  }
}

/** Of the providers used, and from 1.29 on of all others in their trees. */
async function summaries(placement: Placement, { at }: At, found: readonly FoundCandidate[]) {
  const used = [...new Set(found.flatMap(({ allocations }) => [...allocations.keys()]))]
  const ofUsed = await summariesOf(placement, used)
  if (!at('1.29')) return ofUsed
  const roots = new Set([...found.map(({ rootId }) => rootId), ...[...ofUsed.values()].map(({ rootId }) => rootId)])
  return summariesOf(placement, await providersOfTrees(placement, [...roots]))
}

export const allocationCandidateRoutes = [
  route({
    method: 'GET',
    path: '/allocation_candidates',
    since: '1.10',
    policy: 'placement:allocation_candidates:list',
    success: 200,
    handler: async (placement, call) => {
      const request = askedRequest(call)
      const found = await findCandidates(placement, request)
      const shown = [...(await summaries(placement, call, found))]
      const body = {
        allocation_requests: found.map((candidate) => candidateView(call, candidate)),
        provider_summaries: Object.fromEntries(shown.map(([id, summary]) => [id, summaryView(call, summary, request)])),
      }
      return dated(placement, call, { body })
    },
  }),
]
