// Whether a project may have so many more servers, processors and so much more memory.
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Side } from '../migrations/side.ts'
import { LEAVING } from '../migrations/status.ts'
import { quotaOf } from '../quota-limits.ts'

export interface ServerResources {
  instances: number
  cores: number
  /** MB */
  ram: number
}

const RESOURCES = ['instances', 'cores', 'ram'] as const

/**
 * What the live servers of a project use; those that were put away do not count, and one that is about to become
 * larger counts as what it shall be.
 */
export async function serverUsage(compute: Compute, projectId: string): Promise<ServerResources> {
  const row = await tables(compute)
    .selectFrom('compute_servers')
    .select((eb) => eb.fn.countAll<number>().as('instances'))
    .select([sql<number>`coalesce(sum(vcpus), 0)`.as('cores'), sql<number>`coalesce(sum(memory_mb), 0)`.as('ram')])
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .where('vm_state', '<>', 'soft-delete')
    .executeTakeFirstOrThrow()
  const more = await increases(compute, projectId)
  return { instances: row.instances, cores: row.cores + more.cores, ram: row.ram + more.ram }
}

/** By how much servers that are being resized will be larger. */
async function increases(compute: Compute, projectId: string): Promise<Omit<ServerResources, 'instances'>> {
  const rows = await tables(compute)
    .selectFrom('compute_migrations as migration')
    .innerJoin('compute_servers as server', 'server.id', 'migration.server_id')
    .select(['migration.before_json', 'migration.after_json'])
    .where('migration.status', 'in', LEAVING)
    .where('server.project_id', '=', projectId)
    .where('server.deleted_at', 'is', null)
    .execute()
  let [cores, ram] = [0, 0]
  for (const { before_json, after_json } of rows) {
    const [before, after] = [flavorOf(before_json), flavorOf(after_json)]
    cores += Math.max(0, after.vcpus - before.vcpus)
    ram += Math.max(0, after.memoryMb - before.memoryMb)
  }
  return { cores, ram }
}

const flavorOf = (json: string): Side['flavor'] => (JSON.parse(json) as Side).flavor

/** Throws OverQuota. Inside a transaction that holds the project's quota lock. */
export async function checkServerQuota(compute: Compute, projectId: string, asked: ServerResources): Promise<void> {
  const quota = await quotaOf(compute, projectId)
  const used = await serverUsage(compute, projectId)
  const over = RESOURCES.filter((name) => quota[name] >= 0 && asked[name] > 0 && used[name] + asked[name] > quota[name])
  if (over.length === 0) return
  throw fault('OverQuota', {
    over: [...over],
    requested: over.map((name) => asked[name]),
    used: over.map((name) => used[name]),
    allowed: over.map((name) => quota[name]),
  })
}
