// How much a project may have: limits, what it has, and the check that every create passes.
import { sql } from 'kysely'
import { fault } from './faults.ts'
import type { Network } from './network.ts'
import { tables } from './network.ts'
import type { NetworkTables } from './schema/tables.ts'

/** The table that each quota counts. */
export const QUOTAS = {
  network: 'network_networks',
  subnet: 'network_subnets',
  port: 'network_ports',
  router: 'network_routers',
  floatingip: 'network_floating_ips',
  security_group: 'network_security_groups',
  security_group_rule: 'network_security_group_rules',
} as const satisfies Record<string, keyof NetworkTables>

export type QuotaName = keyof typeof QUOTAS
export type Limits = Record<QuotaName, number>

export const quotaNames = Object.keys(QUOTAS) as QuotaName[]

export function defaultLimits({ options }: Pick<Network, 'options'>): Limits {
  return Object.fromEntries(quotaNames.map((name) => [name, options[`quota_${name}`]])) as Limits
}

export async function limitsOf(network: Network, projectId: string): Promise<Limits> {
  const rows = await tables(network)
    .selectFrom('network_quotas')
    .selectAll()
    .where('project_id', '=', projectId)
    .execute()
  const own = Object.fromEntries(rows.map(({ resource, quota_limit }) => [resource, quota_limit]))
  return { ...defaultLimits(network), ...own }
}

export async function usedBy(network: Network, projectId: string, name: QuotaName): Promise<number> {
  const table = sql.table(QUOTAS[name])
  const query = sql<{ used: number }>`select count(*) as used from ${table} where project_id = ${projectId}`
  const { rows } = await query.execute(tables(network))
  return Number(rows[0]!.used)
}

/** Throws OverQuota unless `more` fit in. Inside the transaction that makes them. */
export async function checkQuota(network: Network, projectId: string, name: QuotaName, more = 1): Promise<void> {
  const limit = (await limitsOf(network, projectId))[name]
  if (limit < 0) return
  await network.store.lock(`network quota ${name} ${projectId}`)
  const used = await usedBy(network, projectId, name)
  if (used + more > limit) throw fault('OverQuota', { resources: [name] })
}
