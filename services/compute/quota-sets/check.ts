// Whether a project may have so many more servers, processors and so much more memory.
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { flavorNumber } from '../flavor-json.ts'
import { quotaOf } from '../quota-limits.ts'

export interface ServerResources {
  instances: number
  cores: number
  /** MB */
  ram: number
}

const RESOURCES = ['instances', 'cores', 'ram'] as const

/** What the live servers of a project use. */
export async function serverUsage(compute: Compute, projectId: string): Promise<ServerResources> {
  const { store } = compute
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select((eb) => eb.fn.countAll<number>().as('instances'))
    .select([
      sql<number>`coalesce(sum(${flavorNumber(store, 'vcpus')}), 0)`.as('cores'),
      sql<number>`coalesce(sum(${flavorNumber(store, 'memoryMb')}), 0)`.as('ram'),
    ])
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .executeTakeFirstOrThrow()
  return { ...row }
}

/** Throws OverQuota. Inside a transaction that holds the project's quota lock. */
export async function checkServerQuota(compute: Compute, projectId: string, asked: ServerResources): Promise<void> {
  const quota = await quotaOf(compute, projectId)
  const used = await serverUsage(compute, projectId)
  const over = RESOURCES.filter((name) => quota[name] >= 0 && used[name] + asked[name] > quota[name])
  if (over.length === 0) return
  throw fault('OverQuota', {
    over: [...over],
    requested: over.map((name) => asked[name]),
    used: over.map((name) => used[name]),
    allowed: over.map((name) => quota[name]),
  })
}
