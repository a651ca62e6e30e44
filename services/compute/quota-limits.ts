// What a project may have: its own limits over those of the class `default`, over the configured ones; -1 is unlimited.
import type { Compute } from './compute.ts'
import { tables } from './compute.ts'

export const QUOTA_RESOURCES = [
  'instances',
  'cores',
  'ram',
  'metadata_items',
  'injected_files',
  'injected_file_content_bytes',
  'injected_file_path_bytes',
  'key_pairs',
  'server_groups',
  'server_group_members',
  'fixed_ips',
  'floating_ips',
  'security_groups',
  'security_group_rules',
] as const

export type QuotaResource = (typeof QUOTA_RESOURCES)[number]
export type QuotaLimits = Record<QuotaResource, number>

const DEFAULT_CLASS = 'default'

type Kept = Pick<Compute, 'store' | 'options'>

/** Those on networks are the network service's to enforce. */
function configuredLimits({ options }: Pick<Compute, 'options'>): QuotaLimits {
  return {
    instances: options.quota_instances,
    cores: options.quota_cores,
    ram: options.quota_ram,
    metadata_items: options.quota_metadata_items,
    injected_files: options.quota_injected_files,
    injected_file_content_bytes: options.quota_injected_file_content_bytes,
    injected_file_path_bytes: options.quota_injected_file_path_length,
    key_pairs: options.quota_key_pairs,
    server_groups: options.quota_server_groups,
    server_group_members: options.quota_server_group_members,
    fixed_ips: -1,
    floating_ips: -1,
    security_groups: -1,
    security_group_rules: -1,
  }
}

/** The limits of a class; what it does not set is as configured. */
export async function classLimits(compute: Kept, name: string): Promise<QuotaLimits> {
  return over(configuredLimits(compute), await ofClass(compute, name).execute())
}

/** The limits of a project that has none of its own. */
export function defaultLimits(compute: Kept): Promise<QuotaLimits> {
  return classLimits(compute, DEFAULT_CLASS)
}

export async function quotaOf(compute: Kept, projectId: string): Promise<QuotaLimits> {
  const own = tables(compute)
    .selectFrom('compute_quotas')
    .select((eb) => ['resource', 'limit', eb.lit<number>(2).as('rank')])
    .where('project_id', '=', projectId)
  return over(configuredLimits(compute), await ofClass(compute, DEFAULT_CLASS).unionAll(own).orderBy('rank').execute())
}

function ofClass(compute: Kept, name: string) {
  return tables(compute)
    .selectFrom('compute_quota_classes')
    .select((eb) => ['resource', 'limit', eb.lit<number>(1).as('rank')])
    .where('class_name', '=', name)
}

/** A later row counts more. */
function over(limits: QuotaLimits, rows: readonly { resource: string; limit: number }[]): QuotaLimits {
  return { ...limits, ...Object.fromEntries(rows.map(({ resource, limit }) => [resource, limit])) }
}
