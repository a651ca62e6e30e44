// The SQL on hypervisors: compute nodes with their services, and the servers on them.
import type { Page } from '@kilonova/api/paging'
import type { SelectQueryBuilder } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { instanceName } from '../instance-name.ts'

export interface HypervisorRow {
  id: string
  number: number
  host: string
  hypervisor_hostname: string
  inventory_json: string
  service_id: string
  service_number: number
  disabled: 0 | 1
  disabled_reason: string | null
  forced_down: 0 | 1
  last_seen_at: number
}

// biome-ignore lint/suspicious/noExplicitAny: Kysely's own aliases of the joined tables
function hypervisors(compute: Compute): SelectQueryBuilder<any, any, HypervisorRow> {
  return tables(compute)
    .selectFrom('compute_nodes as node')
    .innerJoin('compute_services as service', 'service.id', 'node.service_id')
    .select(['node.id', 'node.number', 'node.host', 'node.hypervisor_hostname', 'node.inventory_json'])
    .select(['service.id as service_id', 'service.number as service_number'])
    .select(['service.disabled', 'service.disabled_reason', 'service.forced_down', 'service.last_seen_at'])
}

/** In the order in which they first reported; all of them without a page. Throws MarkerNotFound. */
export async function listHypervisors(compute: Compute, page?: Page): Promise<HypervisorRow[]> {
  let query = hypervisors(compute)
  if (page?.marker !== undefined) {
    const marker = await findHypervisor(compute, page.marker)
    if (!marker) throw fault('MarkerNotFound', { marker: page.marker })
    query = query.where('node.number', '>', marker.number)
  }
  if (page) query = query.limit(page.limit)
  return query.orderBy('node.number').execute()
}

/** By uuid, or by the digits of the number that stood for it before 2.53. */
export function findHypervisor(compute: Compute, id: string): Promise<HypervisorRow | undefined> {
  const byNumber = /^\d{1,9}$/.test(id)
  const query = byNumber
    ? hypervisors(compute).where('node.number', '=', Number(id))
    : hypervisors(compute).where('node.id', '=', id)
  return query.executeTakeFirst()
}

/** Those whose hostname contains the text. Throws NoHypervisorMatches. */
export async function searchHypervisors(compute: Compute, text: string): Promise<HypervisorRow[]> {
  const wanted = text.toLowerCase()
  const rows = await listHypervisors(compute)
  const found = rows.filter((row) => row.hypervisor_hostname.toLowerCase().includes(wanted))
  if (found.length === 0) throw fault('NoHypervisorMatches', { pattern: text })
  return found
}

export interface HostedServer {
  name: string
  uuid: string
}

/** The servers of these hosts, by host. */
export async function serversByHost(compute: Compute, hosts: readonly string[]): Promise<Map<string, HostedServer[]>> {
  const byHost = new Map<string, HostedServer[]>()
  if (hosts.length === 0) return byHost
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', 'id', 'number'])
    .where('host', 'in', hosts)
    .where('deleted_at', 'is', null)
    .orderBy('number')
    .execute()
  for (const { host, id, number } of rows) {
    const server = { name: instanceName(number), uuid: id }
    byHost.set(host!, [...(byHost.get(host!) ?? []), server])
  }
  return byHost
}
