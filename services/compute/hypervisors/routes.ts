// The routes of hypervisors.
import { asBoolean } from '@kilonova/api/fields'
import { nextLink, pageOf } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import { isUuid } from '@kilonova/base/ids'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { ListHypervisors as Query } from './schema.ts'
import { HypervisorShown, HypervisorsDetailed, ListHypervisors, ShowHypervisor } from './schema.ts'
import type { HostedServer, HypervisorRow } from './store.ts'
import { findHypervisor, listHypervisors, searchHypervisors, serversByHost } from './store.ts'
import { usedByHost } from './usage.ts'
import { briefHypervisor, hypervisorView, statisticsView, uptimeOf } from './view.ts'

const ALL = '/v2.1/os-hypervisors'
const ONE = `${ALL}/:id`

/** From 2.53 on by uuid alone, before by number alone. */
async function hypervisorOf(compute: Compute, call: Pick<Call, 'params' | 'at'>): Promise<HypervisorRow> {
  const id = call.params['id']!
  if (call.at('2.53') && !isUuid(id)) throw fault('BadRequest', { message: `Invalid uuid ${id}` })
  const row = !call.at('2.53') && isUuid(id) ? undefined : await findHypervisor(compute, id)
  if (!row) throw fault('HypervisorNotFound', { id })
  return row
}

interface Listed {
  rows: HypervisorRow[]
  /** By host, where servers were asked for. */
  servers: Map<string, HostedServer[]> | undefined
  links: object
}

async function listOf(compute: Compute, call: Call<unknown, Query>, path: string): Promise<Listed> {
  const { hypervisor_hostname_pattern: pattern, with_servers: withServers } = call.query
  const page = call.at('2.33') ? pageOf(call.query, compute.options.max_limit) : undefined
  if (pattern !== undefined && (call.query.limit ?? call.query.marker) !== undefined) {
    const message = 'Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.'
    throw fault('BadRequest', { message })
  }
  const rows = pattern === undefined ? await listHypervisors(compute, page) : await searchHypervisors(compute, pattern)
  const servers = asBoolean(withServers) ? await serversOf(compute, rows) : undefined
  const last = rows.at(-1)
  const isFull = page && pattern === undefined && last && rows.length === page.limit
  return { rows, servers, links: isFull ? linksOf(call, path, last) : {} }
}

function serversOf(compute: Compute, rows: HypervisorRow[]): Promise<Map<string, HostedServer[]>> {
  return serversByHost(
    compute,
    rows.map(({ host }) => host),
  )
}

function linksOf(call: Call<unknown, Query>, path: string, last: HypervisorRow): object {
  const marker = call.at('2.53') ? last.id : String(last.number)
  return { hypervisors_links: [{ rel: 'next', href: nextLink(call, `${call.url.versioned}/${path}`, marker) }] }
}

export const hypervisorRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-hypervisors:list',
    query: ListHypervisors,
    success: 200,
    handler: async (compute, call) => {
      const { rows, servers, links } = await listOf(compute, call, 'os-hypervisors')
      const views = rows.map((row) => briefHypervisor(compute, call, row, servers && (servers.get(row.host) ?? [])))
      return { hypervisors: views, ...links }
    },
  }),
  route({
    method: 'GET',
    path: `${ALL}/detail`,
    policy: 'os-hypervisors:list-detail',
    query: ListHypervisors,
    success: 200,
    reply: HypervisorsDetailed,
    handler: async (compute, call) => {
      const { rows, servers, links } = await listOf(compute, call, 'os-hypervisors/detail')
      const used = await usedByHost(compute)
      const besideOf = ({ host }: HypervisorRow) => ({
        used: used.get(host),
        servers: servers && (servers.get(host) ?? []),
      })
      return { hypervisors: rows.map((row) => hypervisorView(compute, call, row, besideOf(row))), ...links }
    },
  }),
  route({
    method: 'GET',
    path: `${ALL}/statistics`,
    until: '2.87',
    policy: 'os-hypervisors:statistics',
    success: 200,
    handler: async (compute) => {
      const enabled = (await listHypervisors(compute)).filter((row) => !row.disabled)
      return { hypervisor_statistics: statisticsView(compute, enabled, await usedByHost(compute)) }
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-hypervisors:show',
    query: ShowHypervisor,
    success: 200,
    reply: HypervisorShown,
    handler: async (compute, call) => {
      const row = await hypervisorOf(compute, call)
      const servers = asBoolean(call.query.with_servers)
        ? ((await serversOf(compute, [row])).get(row.host) ?? [])
        : undefined
      const used = (await usedByHost(compute, [row.host])).get(row.host)
      return { hypervisor: hypervisorView(compute, call, row, { used, servers }) }
    },
  }),
  route({
    method: 'GET',
    path: `${ONE}/search`,
    until: '2.52',
    policy: 'os-hypervisors:search',
    success: 200,
    handler: async (compute, call) => {
      const rows = await searchHypervisors(compute, call.params['id']!)
      return { hypervisors: rows.map((row) => briefHypervisor(compute, call, row)) }
    },
  }),
  route({
    method: 'GET',
    path: `${ONE}/servers`,
    until: '2.52',
    policy: 'os-hypervisors:servers',
    success: 200,
    handler: async (compute, call) => {
      const rows = await searchHypervisors(compute, call.params['id']!)
      const servers = await serversOf(compute, rows)
      return { hypervisors: rows.map((row) => briefHypervisor(compute, call, row, servers.get(row.host))) }
    },
  }),
  route({
    method: 'GET',
    path: `${ONE}/uptime`,
    until: '2.87',
    policy: 'os-hypervisors:uptime',
    success: 200,
    handler: async (compute, call) => {
      const row = await hypervisorOf(compute, call)
      const uptime = uptimeOf(compute, row)
      if (uptime === null) throw fault('ComputeServiceUnavailable', { host: row.host })
      return { hypervisor: { ...briefHypervisor(compute, call, row), uptime } }
    },
  }),
]
