// The SQL on quota classes.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { QuotaLimits } from '../quota-limits.ts'

/** Sets these limits of the class; others stay. */
export async function setClassLimits(compute: Compute, name: string, limits: Partial<QuotaLimits>): Promise<void> {
  const rows = Object.entries(limits).map(([resource, limit]) => ({ class_name: name, resource, limit }))
  if (rows.length === 0) return
  await tables(compute)
    .insertInto('compute_quota_classes')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['class_name', 'resource']).doUpdateSet((eb) => ({ limit: eb.ref('excluded.limit') })),
    )
    .execute()
}
