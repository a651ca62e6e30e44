// Changes what a project may have.
import { asBoolean } from '@kilonova/api/fields'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { QuotaLimits, QuotaResource } from '../quota-limits.ts'
import { quotaOf } from '../quota-limits.ts'
import { serverUsage } from './check.ts'
import type { NewLimits } from './schema.ts'
import { setLimits } from './store.ts'

/** Throws QuotaBelowUsage unless forced. Answers all limits. */
export function updateQuota(compute: Compute, projectId: string, { force, ...asked }: NewLimits): Promise<QuotaLimits> {
  const limits = Object.fromEntries(Object.entries(asked).map(([resource, limit]) => [resource, Number(limit)]))
  return compute.store.transaction(async () => {
    await compute.store.lock(`quota:${projectId}`)
    if (!asBoolean(force)) await refuseBelowUsage(compute, projectId, limits)
    await setLimits(compute, projectId, limits)
    return quotaOf(compute, projectId)
  })
}

async function refuseBelowUsage(compute: Compute, projectId: string, limits: Partial<QuotaLimits>): Promise<void> {
  const usage = Object.entries(await serverUsage(compute, projectId)) as [QuotaResource, number][]
  for (const [resource, used] of usage) {
    const limit = limits[resource] ?? -1
    if (limit >= 0 && limit < used) throw fault('QuotaBelowUsage', { resource, limit, used })
  }
}
