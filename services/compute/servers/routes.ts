// The routes of servers.
import { asBoolean } from '@kilonova/api/fields'
import { nextLink } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import { Type } from 'typebox'
import type { Compute } from '../compute.ts'
import { route } from '../route.ts'
import type { ServerRow } from '../schema/tables.ts'
import { groupOfServer } from '../server-groups/store.ts'
import { hostStatuses } from '../services/host-status.ts'
import { consoleOutput } from './console-output.ts'
import { createServers } from './create.ts'
import { deleteServer } from './delete.ts'
import { listServers } from './list.ts'
import { lockServer, unlockServer } from './lock.ts'
import {
  pauseServer,
  rebootServer,
  resumeServer,
  startServer,
  stopServer,
  suspendServer,
  unpauseServer,
} from './power.ts'
import { resetState } from './reset-state.ts'
import {
  ConsoleOutput,
  CreateServer,
  DetailServers,
  ListServers,
  Lock,
  Reboot,
  ResetState,
  ShowServer,
  UpdatedServer,
  UpdateServer,
} from './schema.ts'
import { getServer, newestFaults } from './store.ts'
import { changeServer } from './update.ts'
import { briefServer, serverLinks, serverView } from './view.ts'

const ONE = '/v2.1/servers/:id'
const ACTION = '/v2.1/servers/:id/action'

type Asked = Pick<Call, 'context' | 'at' | 'allows' | 'url'>

/** The long form of these rows, with what stands beside them, in two statements at most. */
async function viewsOf(compute: Compute, call: Asked, rows: ServerRow[]): Promise<Record<string, unknown>[]> {
  const failed = rows.filter((row) => row.vm_state === 'error' || row.deleted_at !== null)
  const faults = await newestFaults(
    compute,
    failed.map(({ id }) => id),
  )
  const statuses =
    call.at('2.16') && call.allows('servers:show:host_status') ? await hostStatuses(compute) : new Map<string, string>()
  return rows.map((row) =>
    serverView(call, row, { fault: faults.get(row.id), hostStatus: statuses.get(row.host ?? '') ?? '' }),
  )
}

async function viewOf(compute: Compute, call: Asked, row: ServerRow): Promise<Record<string, unknown>> {
  const [view] = await viewsOf(compute, call, [row])
  const group = call.at('2.71') ? await groupOfServer(compute, row.id) : undefined
  return { ...view, server_groups: group ? [group.id] : [] }
}

function linksOf(call: Call<unknown, ListServers>, path: string, next: string | undefined): object {
  return next === undefined
    ? {}
    : { servers_links: [{ rel: 'next', href: nextLink(call, `${call.url.versioned}/${path}`, next) }] }
}

export const serverRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/servers',
    policy: 'servers:index',
    query: ListServers,
    success: 200,
    handler: async (compute, call) => {
      const { rows, next } = await listServers(compute, call, false)
      return { servers: rows.map((row) => briefServer(call, row)), ...linksOf(call, 'servers', next) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/servers/detail',
    policy: 'servers:detail',
    query: ListServers,
    success: 200,
    reply: DetailServers,
    handler: async (compute, call) => {
      const { rows, next } = await listServers(compute, call, true)
      return { servers: await viewsOf(compute, call, rows), ...linksOf(call, 'servers/detail', next) }
    },
  }),
  route({
    method: 'POST',
    path: '/v2.1/servers',
    policy: 'servers:create',
    body: CreateServer,
    success: 202,
    handler: async (compute, call) => {
      const { rows, adminPass } = await createServers(compute, call)
      const [first] = rows
      const { return_reservation_id: byReservation, security_groups: groups = [{ name: 'default' }] } = call.body.server
      if (asBoolean(byReservation)) return { reservation_id: first!.reservation_id }
      const links = serverLinks(call, first!.id)
      const server = {
        id: first!.id,
        links,
        'OS-DCF:diskConfig': first!.disk_config,
        security_groups: groups,
        adminPass,
      }
      return new Answer({ headers: { location: links[0]!.href }, body: { server } })
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'servers:show',
    success: 200,
    reply: ShowServer,
    handler: async (compute, call) => ({
      server: await viewOf(compute, call, await getServer(compute, call.context, call.params['id']!)),
    }),
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'servers:update',
    body: UpdateServer,
    success: 200,
    reply: UpdatedServer,
    handler: async (compute, call) => ({
      server: await viewOf(compute, call, await changeServer(compute, call.context, call.params['id']!, call.body)),
    }),
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'servers:delete',
    success: 204,
    handler: (compute, { context, params }) => deleteServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'os-start',
    policy: 'servers:start',
    body: Type.Object({ 'os-start': Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => startServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'os-stop',
    policy: 'servers:stop',
    body: Type.Object({ 'os-stop': Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => stopServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'reboot',
    policy: 'servers:reboot',
    body: Reboot,
    success: 202,
    handler: (compute, { context, params, body }) => {
      const how = body.reboot.type.toLowerCase() === 'hard' ? 'hard' : 'soft'
      return rebootServer(compute, context, params['id']!, how)
    },
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'os-getConsoleOutput',
    policy: 'os-console-output',
    body: ConsoleOutput,
    success: 200,
    handler: async (compute, { context, params, body }) => {
      const length = body['os-getConsoleOutput']?.length ?? null
      return { output: await consoleOutput(compute, context, params['id']!, length === null ? null : Number(length)) }
    },
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'lock',
    policy: 'os-lock-server:lock',
    body: Lock,
    success: 202,
    handler: (compute, { context, params, body, at }) => {
      const { locked_reason: reason } = at('2.73') ? ((body.lock ?? {}) as { locked_reason?: string }) : {}
      return lockServer(compute, context, params['id']!, reason)
    },
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'unlock',
    policy: 'os-lock-server:unlock',
    body: Type.Object({ unlock: Type.Unknown() }),
    success: 202,
    handler: (compute, call) => unlockServer(compute, call, call.params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'pause',
    policy: 'os-pause-server:pause',
    body: Type.Object({ pause: Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => pauseServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'unpause',
    policy: 'os-pause-server:unpause',
    body: Type.Object({ unpause: Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => unpauseServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'os-resetState',
    policy: 'os-admin-actions:reset_state',
    body: ResetState,
    success: 202,
    handler: (compute, { context, params, body }) =>
      resetState(compute, context, params['id']!, body['os-resetState'].state),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'suspend',
    policy: 'os-suspend-server:suspend',
    body: Type.Object({ suspend: Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => suspendServer(compute, context, params['id']!),
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'resume',
    policy: 'os-suspend-server:resume',
    body: Type.Object({ resume: Type.Unknown() }),
    success: 202,
    handler: (compute, { context, params }) => resumeServer(compute, context, params['id']!),
  }),
]
