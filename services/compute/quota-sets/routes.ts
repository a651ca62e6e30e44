// The routes of quota sets. Limits are per project: those of each of its users are the same.
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { QuotaLimits } from '../quota-limits.ts'
import { defaultLimits, QUOTA_RESOURCES, quotaOf } from '../quota-limits.ts'
import { route } from '../route.ts'
import { countServerGroups } from '../server-groups/store.ts'
import { serverUsage } from './check.ts'
import { OfUser, QuotaSetShown, UpdateQuotaSet } from './schema.ts'
import { removeLimits } from './store.ts'
import { updateQuota } from './update.ts'

const ONE = '/v2.1/os-quota-sets/:projectId'

async function detailOf(compute: Compute, projectId: string): Promise<object> {
  const limits = await quotaOf(compute, projectId)
  const used: Partial<QuotaLimits> = {
    ...(await serverUsage(compute, projectId)),
    server_groups: await countServerGroups(compute, projectId),
  }
  const entries = QUOTA_RESOURCES.map((name) => [name, { limit: limits[name], in_use: used[name] ?? 0, reserved: 0 }])
  return Object.fromEntries(entries)
}

export const quotaSetRoutes = [
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-quota-sets:show',
    query: OfUser,
    success: 200,
    reply: QuotaSetShown,
    handler: async (compute, call) => {
      const projectId = call.params['projectId']!
      call.require('os-quota-sets:show', { projectId })
      return { quota_set: { id: projectId, ...(await quotaOf(compute, projectId)) } }
    },
  }),
  route({
    method: 'GET',
    path: `${ONE}/detail`,
    policy: 'os-quota-sets:detail',
    query: OfUser,
    success: 200,
    reply: QuotaSetShown,
    handler: async (compute, call) => {
      const projectId = call.params['projectId']!
      call.require('os-quota-sets:detail', { projectId })
      return { quota_set: { id: projectId, ...(await detailOf(compute, projectId)) } }
    },
  }),
  route({
    method: 'GET',
    path: `${ONE}/defaults`,
    policy: 'os-quota-sets:defaults',
    success: 200,
    reply: QuotaSetShown,
    handler: async (compute, { params }) => ({
      quota_set: { id: params['projectId'], ...(await defaultLimits(compute)) },
    }),
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'os-quota-sets:update',
    query: OfUser,
    body: UpdateQuotaSet,
    success: 200,
    reply: QuotaSetShown,
    handler: async (compute, { params, query, body }) => {
      if (query.user_id !== undefined) throw fault('NoUserQuota', {})
      return { quota_set: { ...(await updateQuota(compute, params['projectId']!, body.quota_set)) } }
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-quota-sets:delete',
    query: OfUser,
    success: 202,
    handler: async (compute, { params, query }) => {
      if (query.user_id === undefined) await removeLimits(compute, params['projectId']!)
    },
  }),
]
