// GET /events: what happens to servers, as it happens. Not of Nova's API.
import { eventStream } from '@kilonova/api/event-stream'
import { asBoolean, booleanLike } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { openFeed } from './feed.ts'

const ListEvents = Type.Object(
  { all_tenants: Type.Optional(booleanLike()), server_id: Type.Optional(Type.String()) },
  closed,
)

/** The number of the event that the reader saw last. */
function lastSeen(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  if (typeof header === 'string' && /^[0-9]{1,15}$/.test(header)) return Number(header)
  throw fault('BadRequest', { message: 'Last-Event-ID must be the number of an event.' })
}

export const eventRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/events',
    policy: 'events:index',
    query: ListEvents,
    success: 200,
    handler: async (compute: Compute, call) => {
      const { query, context, headers } = call
      const all = asBoolean(query.all_tenants)
      if (all) call.require('events:index:get_all_tenants')
      const scope = { projectId: all ? null : context.projectId, serverId: query.server_id }
      return eventStream(call, await openFeed(compute, scope, lastSeen(headers['last-event-id'])), compute.clock)
    },
  }),
]
