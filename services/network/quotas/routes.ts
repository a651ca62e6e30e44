// /v2.0/quotas: what a project may have.
import { convertedBoolean, convertedInteger } from '@kilonova/api/fields'
import type { Call } from '@kilonova/api/route'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { Limits, QuotaName } from '../quota.ts'
import { defaultLimits, limitsOf, quotaNames, usedBy } from '../quota.ts'
import { route } from '../route.ts'

const limit = Type.Optional(convertedInteger({ least: -1, most: 0x7fffffff }))
const Quota = Type.Object(
  {
    network: limit,
    subnet: limit,
    port: limit,
    router: limit,
    floatingip: limit,
    security_group: limit,
    security_group_rule: limit,
    project_id: Type.Optional(Type.String()),
    tenant_id: Type.Optional(Type.String()),
    force: Type.Optional(convertedBoolean()),
  },
  closed,
)
const UpdateQuota = Type.Object({ quota: Quota }, closed)

const projectOf = ({ params }: Pick<Call, 'params'>): string => params['projectId']!

async function update(network: Network, projectId: string, quota: Static<typeof Quota>): Promise<Limits> {
  await network.store.transaction(async () => {
    for (const resource of quotaNames) {
      const quota_limit = quota[resource]
      if (quota_limit === undefined) continue
      await tables(network)
        .insertInto('network_quotas')
        .values({ project_id: projectId, resource, quota_limit })
        .onConflict((conflict) => conflict.columns(['project_id', 'resource']).doUpdateSet({ quota_limit }))
        .execute()
    }
  })
  return limitsOf(network, projectId)
}

async function details(network: Network, projectId: string): Promise<object> {
  const limits = await limitsOf(network, projectId)
  const rows = await Promise.all(
    quotaNames.map(async (name: QuotaName) => {
      const used = await usedBy(network, projectId, name)
      return [name, { limit: limits[name], used, reserved: 0 }]
    }),
  )
  return Object.fromEntries(rows)
}

export const quotaRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/quotas',
    policy: 'update_quota',
    success: 200,
    handler: async (network) => {
      const rows = await tables(network).selectFrom('network_quotas').select('project_id').distinct().execute()
      const quotas = rows.map(async ({ project_id }) => {
        return { ...(await limitsOf(network, project_id)), project_id, tenant_id: project_id }
      })
      return { quotas: await Promise.all(quotas) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/tenant',
    policy: 'get_quota',
    success: 200,
    handler: async (_, { context }) => ({ tenant: { tenant_id: context.projectId } }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/project',
    policy: 'get_quota',
    success: 200,
    handler: async (_, { context }) => ({ project: { project_id: context.projectId } }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:projectId',
    policy: 'get_quota',
    success: 200,
    handler: async (network, call) => {
      call.require('get_quota', { projectId: projectOf(call) })
      return { quota: await limitsOf(network, projectOf(call)) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:projectId/default',
    policy: 'get_quota',
    success: 200,
    handler: async (network, call) => {
      call.require('get_quota', { projectId: projectOf(call) })
      return { quota: defaultLimits(network) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/quotas/:projectId/details',
    policy: 'get_quota',
    success: 200,
    handler: async (network, call) => {
      call.require('get_quota', { projectId: projectOf(call) })
      return { quota: await details(network, projectOf(call)) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/quotas/:projectId',
    policy: 'update_quota',
    body: UpdateQuota,
    success: 200,
    handler: async (network, call) => ({ quota: await update(network, projectOf(call), call.body.quota) }),
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/quotas/:projectId',
    policy: 'delete_quota',
    success: 204,
    handler: async (network, call) => {
      await tables(network).deleteFrom('network_quotas').where('project_id', '=', projectOf(call)).execute()
    },
  }),
]
