// os-simple-tenant-usage: what projects used within a period.
import { nextLink } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import { route } from '../route.ts'
import { periodOf } from './period.ts'
import { ListUsages, ShowUsage } from './schema.ts'
import { usedServers } from './store.ts'
import { tenantUsages } from './view.ts'

const PATH = 'os-simple-tenant-usage'

/** Which pages there are is not said before 2.40. */
function linkTo(call: Pick<Call, 'search' | 'url' | 'at'>, name: string, path: string, next: string | undefined) {
  if (next === undefined || !call.at('2.40')) return {}
  return { [name]: [{ rel: 'next', href: nextLink(call, `${call.url.versioned}/${path}`, next) }] }
}

export const simpleTenantUsageRoutes = [
  route({
    method: 'GET',
    path: `/v2.1/${PATH}`,
    policy: 'os-simple-tenant-usage:list',
    query: ListUsages,
    success: 200,
    handler: async (compute, call) => {
      const now = compute.clock.now()
      const period = periodOf(call.search, now)
      const { rows, next } = await usedServers(compute, call, period)
      const detailed = call.search.get('detailed') === '1'
      const usages = tenantUsages(rows, { ...period, now, detailed })
      return { tenant_usages: usages, ...linkTo(call, 'tenant_usages_links', PATH, next) }
    },
  }),
  route({
    method: 'GET',
    path: `/v2.1/${PATH}/:projectId`,
    policy: 'os-simple-tenant-usage:show',
    query: ShowUsage,
    success: 200,
    handler: async (compute, call) => {
      const projectId = call.params['projectId']!
      call.require('os-simple-tenant-usage:show', { projectId })
      const now = compute.clock.now()
      const period = periodOf(call.search, now)
      const { rows, next } = await usedServers(compute, call, period, projectId)
      const [usage = {}] = tenantUsages(rows, { ...period, now, detailed: true })
      return { tenant_usage: usage, ...linkTo(call, 'tenant_usage_links', `${PATH}/${projectId}`, next) }
    },
  }),
]
