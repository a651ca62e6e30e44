// A hypervisor's row as the API's newest reply, with the statistics that ended at 2.87.
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { isUp } from '../services/liveness.ts'
import type { ReportedInventory } from '../services/report.ts'
import type { HostedServer, HypervisorRow } from './store.ts'
import type { Used } from './usage.ts'
import { NOTHING_USED } from './usage.ts'

type Asked = Pick<Call, 'at'>

/** The short form of lists. Servers that were not asked for are undefined. */
export function briefHypervisor(compute: Compute, call: Asked, row: HypervisorRow, servers?: HostedServer[]): object {
  const shown = servers && (servers.length > 0 || call.at('2.75'))
  return {
    id: call.at('2.53') ? row.id : row.number,
    hypervisor_hostname: row.hypervisor_hostname,
    state: isUp(compute, row) ? 'up' : 'down',
    status: row.disabled ? 'disabled' : 'enabled',
    ...(shown ? { servers } : {}),
  }
}

export interface Beside {
  used: Used | undefined
  servers?: HostedServer[] | undefined
}

/** The long form. */
export function hypervisorView(compute: Compute, call: Asked, row: HypervisorRow, beside: Beside): object {
  const inventory = JSON.parse(row.inventory_json) as ReportedInventory
  return {
    ...briefHypervisor(compute, call, row, beside.servers),
    ...figuresOf(compute, inventory, beside.used),
    cpu_info: call.at('2.28') ? inventory.cpuInfo : JSON.stringify(inventory.cpuInfo),
    hypervisor_type: inventory.hypervisorType,
    hypervisor_version: inventory.hypervisorVersion,
    host_ip: inventory.hostIp ?? null,
    service: {
      id: call.at('2.53') ? row.service_id : row.service_number,
      host: row.host,
      disabled_reason: row.disabled_reason,
    },
    uptime: uptimeOf(compute, row, inventory),
  }
}

const FIGURES = [
  'vcpus',
  'vcpus_used',
  'memory_mb',
  'memory_mb_used',
  'free_ram_mb',
  'local_gb',
  'local_gb_used',
  'free_disk_gb',
  'disk_available_least',
  'running_vms',
  'current_workload',
] as const
type Figures = Record<(typeof FIGURES)[number], number>

/** What a host has and how much of it is used: by its servers' flavors, and reserved for itself. */
function figuresOf({ options }: Compute, inventory: ReportedInventory, used = NOTHING_USED): Figures {
  const memoryUsed = options.reserved_host_memory_mb + used.memoryMb
  const diskUsed = Math.ceil(options.reserved_host_disk_mb / 1024) + used.diskGb
  return {
    vcpus: inventory.vcpus,
    vcpus_used: options.reserved_host_cpus + used.vcpus,
    memory_mb: inventory.memoryMb,
    memory_mb_used: memoryUsed,
    free_ram_mb: inventory.memoryMb - memoryUsed,
    local_gb: inventory.localGb,
    local_gb_used: diskUsed,
    free_disk_gb: inventory.localGb - diskUsed,
    disk_available_least: inventory.diskAvailableLeast,
    running_vms: used.servers,
    current_workload: used.workload,
  }
}

/** As the command `uptime` said it at the last report; null for a host that is down. */
export function uptimeOf(
  compute: Compute,
  row: HypervisorRow,
  inventory = JSON.parse(row.inventory_json) as ReportedInventory,
): string | null {
  return isUp(compute, row) ? inventory.uptime : null
}

/** The sums over these hypervisors. */
export function statisticsView(compute: Compute, rows: HypervisorRow[], used: Map<string, Used>): object {
  const figures = rows.map((row) => figuresOf(compute, JSON.parse(row.inventory_json), used.get(row.host)))
  const sumOf = (name: keyof Figures) => figures.reduce((sum, figure) => sum + figure[name], 0)
  return { count: rows.length, ...Object.fromEntries(FIGURES.map((name) => [name, sumOf(name)])) }
}
