// The routes of servers, but for their actions.
import { asBoolean } from '@kilonova/api/fields'
import { nextLink } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import { route } from '../route.ts'
import { createServers, planOf } from './create.ts'
import { deleteServer } from './delete.ts'
import { listServers } from './list.ts'
import { CreateServer, DetailServers, ListServers, ShowServer, UpdatedServer, UpdateServer } from './schema.ts'
import { changedViewOf, viewOf, viewsOf } from './shown.ts'
import { getServer } from './store.ts'
import { changeServer } from './update.ts'
import { briefServer, serverLinks } from './view.ts'

const ONE = '/v2.1/servers/:id'

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
    once: true,
    policy: 'servers:create',
    body: CreateServer,
    success: 202,
    prepare: planOf,
    handler: async (compute, call, plan) => {
      const rows = await createServers(compute, call.context, plan)
      const [first] = rows
      const { return_reservation_id: byReservation, security_groups: groups = [{ name: 'default' }] } = call.body.server
      if (asBoolean(byReservation)) return { reservation_id: first!.reservation_id }
      const links = serverLinks(call, first!.id)
      const server = {
        id: first!.id,
        links,
        'OS-DCF:diskConfig': first!.disk_config,
        security_groups: groups,
        ...(compute.options.enable_instance_password ? { adminPass: plan.adminPass } : {}),
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
      server: await changedViewOf(
        compute,
        call,
        await changeServer(compute, call.context, call.params['id']!, call.body),
      ),
    }),
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'servers:delete',
    success: 204,
    handler: (compute, { context, params }) => deleteServer(compute, context, params['id']!),
  }),
]
