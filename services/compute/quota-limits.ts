// What a project may have: its own limits over the configured ones; -1 is unlimited.
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

/** The limits of a project that has none of its own; those on networks are the network service's to enforce. */
export function defaultLimits({ options }: Pick<Compute, 'options'>): QuotaLimits {
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

export async function quotaOf(compute: Pick<Compute, 'store' | 'options'>, projectId: string): Promise<QuotaLimits> {
  const rows = await tables(compute)
    .selectFrom('compute_quotas')
    .select(['resource', 'limit'])
    .where('project_id', '=', projectId)
    .execute()
  const own = Object.fromEntries(rows.map(({ resource, limit }) => [resource, limit]))
  return { ...defaultLimits(compute), ...own }
}
