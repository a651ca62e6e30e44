// What the caller's project may have, and what it has.

import { Type } from '@kilonova/api/type'
import { closedSince, until } from '@kilonova/api/versions'
import { quotaOf } from '../quota-limits.ts'
import { serverUsage } from '../quota-sets/check.ts'
import { route } from '../route.ts'
import { countServerGroups } from '../server-groups/store.ts'

const O = Type.Optional
const shown = (to: string) => O(Type.Unknown(until(to)))
const Limits = Type.Object({
  limits: Type.Object({
    absolute: Type.Object({
      maxImageMeta: shown('2.38'),
      maxPersonality: shown('2.56'),
      maxPersonalitySize: shown('2.56'),
      maxSecurityGroups: shown('2.35'),
      maxSecurityGroupRules: shown('2.35'),
      maxTotalFloatingIps: shown('2.35'),
      totalSecurityGroupsUsed: shown('2.35'),
      totalFloatingIpsUsed: shown('2.35'),
    }),
  }),
})

export const limitRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/limits',
    policy: 'limits',
    query: Type.Object({ tenant_id: O(Type.String()) }, closedSince('2.75')),
    success: 200,
    reply: Limits,
    handler: async (compute, call) => {
      const own = call.context.projectId ?? ''
      const projectId = call.query.tenant_id ?? own
      if (projectId !== own) call.require('limits:other_project', { projectId })
      const quota = await quotaOf(compute, projectId)
      const used = await serverUsage(compute, projectId)
      const absolute = {
        maxImageMeta: quota.metadata_items,
        maxPersonality: quota.injected_files,
        maxPersonalitySize: quota.injected_file_content_bytes,
        maxSecurityGroups: quota.security_groups,
        maxSecurityGroupRules: quota.security_group_rules,
        maxServerMeta: quota.metadata_items,
        maxTotalCores: quota.cores,
        maxTotalFloatingIps: quota.floating_ips,
        maxTotalInstances: quota.instances,
        maxTotalKeypairs: quota.key_pairs,
        maxTotalRAMSize: quota.ram,
        maxServerGroups: quota.server_groups,
        maxServerGroupMembers: quota.server_group_members,
        totalCoresUsed: used.cores,
        totalInstancesUsed: used.instances,
        totalRAMUsed: used.ram,
        totalSecurityGroupsUsed: 0,
        totalFloatingIpsUsed: 0,
        totalServerGroupsUsed: await countServerGroups(compute, projectId),
      }
      return { limits: { rate: [], absolute } }
    },
  }),
]
