// What servers used within a period, added up by project: hours, and hours times processors, memory and disk.
import type { GuestFlavor } from '../agent/guest-spec.ts'
import { micros } from '../time.ts'
import type { Period } from './period.ts'
import type { UsedServer } from './store.ts'

const HOUR_MS = 3_600_000

interface ServerUsage {
  instance_id: string
  name: string
  tenant_id: string
  flavor: string
  hours: number
  memory_mb: number
  local_gb: number
  vcpus: number
  started_at: string | null
  ended_at: string | null
  state: string
  /** Seconds, also those outside of the period. */
  uptime: number
}

interface TenantUsage {
  tenant_id: string
  server_usages?: ServerUsage[]
  total_local_gb_usage: number
  total_vcpus_usage: number
  total_memory_mb_usage: number
  total_hours: number
  start: string
  stop: string
}

export interface Report extends Period {
  now: number
  /** With each server. */
  detailed: boolean
}

/** In the order of the servers. */
export function tenantUsages(rows: readonly UsedServer[], report: Report): TenantUsage[] {
  const usages = new Map<string, TenantUsage>()
  for (const row of rows) {
    const usage = usages.get(row.project_id) ?? emptyUsage(row.project_id, report)
    usages.set(row.project_id, usage)
    add(usage, serverUsage(row, report))
  }
  return [...usages.values()]
}

function emptyUsage(tenant_id: string, { start, stop, detailed }: Report): TenantUsage {
  return {
    tenant_id,
    ...(detailed ? { server_usages: [] } : {}),
    total_local_gb_usage: 0,
    total_vcpus_usage: 0,
    total_memory_mb_usage: 0,
    total_hours: 0,
    start: exactly(start),
    stop: exactly(stop),
  }
}

function add(usage: TenantUsage, server: ServerUsage): void {
  const { hours, local_gb, vcpus, memory_mb } = server
  usage.total_local_gb_usage += local_gb * hours
  usage.total_vcpus_usage += vcpus * hours
  usage.total_memory_mb_usage += memory_mb * hours
  usage.total_hours += hours
  usage.server_usages?.push(server)
}

function serverUsage(row: UsedServer, { start, stop, now }: Report): ServerUsage {
  const { vcpus, memoryMb, rootGb, ephemeralGb } = JSON.parse(row.flavor_json) as GuestFlavor
  const { launched_at: launched, terminated_at: terminated } = row
  const ranMs = Math.min(stop, terminated ?? stop) - Math.max(start, launched)
  return {
    instance_id: row.id,
    name: row.display_name,
    tenant_id: row.project_id,
    flavor: row.flavor_name,
    hours: Math.max(0, ranMs / HOUR_MS),
    memory_mb: memoryMb,
    local_gb: rootGb + ephemeralGb,
    vcpus,
    started_at: micros(launched),
    ended_at: micros(terminated),
    state: terminated === null ? row.vm_state : 'terminated',
    uptime: Math.max(0, Math.floor(((terminated ?? now) - launched) / 1000)),
  }
}

/** As `micros`, with microseconds. */
function exactly(at: number): string {
  const fraction = Math.round((at - Math.floor(at)) * 1000)
  return `${new Date(at).toISOString().slice(0, 23)}${String(fraction).padStart(3, '0')}`
}
