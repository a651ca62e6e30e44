// What was done to a server: newest first, and one action with its events.
import { integerLike } from '@kilonova/api/fields'
import { nextLink } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closedSince, since } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { ServerRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'
import type { ActionRow } from './store.ts'
import { actionOf, actionsOf, eventsOf } from './store.ts'
import { actionView, eventView } from './view.ts'

const LIST = '/v2.1/servers/:serverId/os-instance-actions'
const O = Type.Optional

const ListActions = Type.Object(
  {
    limit: O(integerLike(0, undefined, since('2.58'))),
    marker: O(Type.String(since('2.58'))),
    'changes-since': O(Type.String({ format: 'date-time', ...since('2.58') })),
    'changes-before': O(Type.String({ format: 'date-time', ...since('2.66') })),
  },
  closedSince('2.58'),
)

const Action = Type.Object({ updated_at: O(Type.Unknown(since('2.58'))) })

/** Deleted servers keep their history. */
function serverOf(
  compute: Compute,
  { context, params, at }: Pick<Call, 'context' | 'params' | 'at'>,
): Promise<ServerRow> {
  return getServer(compute, at('2.21') ? { ...context, readDeleted: 'yes' } : context, params['serverId']!)
}

function pageOf({ query, at }: Call<unknown, Static<typeof ListActions>>, most: number) {
  const time = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text))
  return {
    limit: query.limit === undefined ? most : Math.min(Number(query.limit), most),
    paged: at('2.58'),
    marker: query.marker,
    since: time(query['changes-since']),
    before: time(query['changes-before']),
  }
}

export const instanceActionRoutes = [
  route({
    method: 'GET',
    path: LIST,
    policy: 'os-instance-actions:list',
    query: ListActions,
    success: 200,
    reply: Type.Object({ instanceActions: Type.Array(Action) }),
    handler: async (compute, call) => {
      const server = await serverOf(compute, call)
      const page = pageOf(call, compute.options.max_limit)
      const rows = await actionsOf(compute, server.id, page)
      const last = rows.at(-1)
      const full = page.paged && last && rows.length === page.limit
      const base = `${call.url.versioned}/servers/${server.id}/os-instance-actions`
      const links = full ? { links: [{ rel: 'next', href: nextLink(call, base, last.request_id) }] } : {}
      return { instanceActions: rows.map((row) => actionView(row)), ...links }
    },
  }),
  route({
    method: 'GET',
    path: `${LIST}/:requestId`,
    policy: 'os-instance-actions:show',
    success: 200,
    reply: Type.Object({ instanceAction: Action }),
    handler: async (compute, call) => {
      const server = await serverOf(compute, call)
      const requestId = call.params['requestId']!
      const action: ActionRow | undefined = await actionOf(compute, server.id, requestId)
      if (!action) throw fault('ActionNotFound', { requestId, id: server.id })
      const sees = call.allows('os-instance-actions:events') || call.at('2.51')
      const events = sees
        ? (await eventsOf(compute, action.id)).map((event) => eventView(call, server, event))
        : undefined
      return { instanceAction: { ...actionView(action), ...(events ? { events } : {}) } }
    },
  }),
]
