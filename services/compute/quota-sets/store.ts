// The SQL on quotas.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { QuotaLimits } from '../quota-limits.ts'

/** Sets these limits; others stay. */
export async function setLimits(compute: Compute, projectId: string, limits: Partial<QuotaLimits>): Promise<void> {
  const rows = Object.entries(limits).map(([resource, limit]) => ({ project_id: projectId, resource, limit }))
  if (rows.length === 0) return
  await tables(compute)
    .insertInto('compute_quotas')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['project_id', 'resource']).doUpdateSet((eb) => ({ limit: eb.ref('excluded.limit') })),
    )
    .execute()
}

/** The project is back to the defaults. */
export async function removeLimits(compute: Compute, projectId: string): Promise<void> {
  await tables(compute).deleteFrom('compute_quotas').where('project_id', '=', projectId).execute()
}
