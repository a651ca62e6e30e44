// /v2.0/agents: one for each host, as the hosts report. And the zones that networks and routers can be in.

import { convertedBoolean } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import { chosenFields } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { route } from '../route.ts'
import type { AgentRow } from '../schema/tables.ts'
import { flag } from '../standard.ts'
import { agentTime } from '../time.ts'
import { isAlive } from './report.ts'

const BINARIES: Record<string, string> = { bridge: 'neutron-linuxbridge-agent' }
const TYPES: Record<string, string> = { bridge: 'Linux bridge agent' }

const UpdateAgent = Type.Object(
  {
    agent: Type.Object(
      {
        admin_state_up: Type.Optional(convertedBoolean()),
        description: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
      },
      closed,
    ),
  },
  closed,
)

function agentView(network: Network, row: AgentRow): Record<string, unknown> {
  return {
    id: row.id,
    binary: BINARIES[row.backend] ?? `kilonova-${row.backend}-agent`,
    agent_type: TYPES[row.backend] ?? `${row.backend} agent`,
    host: row.host,
    topic: `network.${row.host}`,
    availability_zone: network.options.default_availability_zone,
    admin_state_up: row.admin_state_up === 1,
    alive: isAlive(network, row),
    description: row.description,
    configurations: {},
    resources_synced: null,
    created_at: agentTime(row.created_at),
    started_at: agentTime(row.started_at),
    heartbeat_timestamp: agentTime(row.heartbeat_at),
  }
}

async function agentRow(network: Network, id: string): Promise<AgentRow> {
  const query = tables(network).selectFrom('network_agents').selectAll()
  const row = await query.where(sql<SqlBool>`id = ${id}`).executeTakeFirst()
  if (!row) throw fault('AgentNotFound', { id })
  return row
}

/** The views whose attributes have one of the values asked for. */
function filtered(views: Record<string, unknown>[], search: URLSearchParams): Record<string, unknown>[] {
  const names = [...new Set(search.keys())].filter((name) => views.some((view) => name in view))
  return views.filter((view) =>
    names.every((name) => search.getAll(name).some((value) => sameText(String(view[name]), value))),
  )
}

const sameText = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase()

export const agentRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/agents',
    policy: 'get_agent',
    success: 200,
    handler: async (network, call) => {
      const rows = await tables(network).selectFrom('network_agents').selectAll().orderBy('host').execute()
      const views = rows.map((row) => agentView(network, row))
      return { agents: filtered(views, call.search).map((view) => chosenFields(call, view)) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/agents/:id',
    policy: 'get_agent',
    success: 200,
    handler: async (network, call) => {
      const row = await agentRow(network, call.params['id']!)
      return { agent: chosenFields(call, agentView(network, row)) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/agents/:id',
    policy: 'update_agent',
    body: UpdateAgent,
    success: 200,
    handler: async (network, { params, body }) => {
      const row = await agentRow(network, params['id']!)
      const { admin_state_up, description } = body.agent
      const change = {
        description: description === undefined ? row.description : description,
        admin_state_up: admin_state_up === undefined ? row.admin_state_up : flag(admin_state_up),
      }
      await tables(network).updateTable('network_agents').set(change).where('id', '=', row.id).execute()
      return { agent: agentView(network, { ...row, ...change }) }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/agents/:id',
    policy: 'delete_agent',
    success: 204,
    handler: async (network, { params }) => {
      const row = await agentRow(network, params['id']!)
      await tables(network).deleteFrom('network_agents').where('id', '=', row.id).execute()
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/availability_zones',
    policy: 'get_availability_zone',
    success: 200,
    handler: async (network, call) => {
      const name = network.options.default_availability_zone
      const zones = ['network', 'router'].map((resource) => ({ name, resource, state: 'available' }))
      return { availability_zones: filtered(zones, call.search).map((zone) => chosenFields(call, zone)) }
    },
  }),
]
