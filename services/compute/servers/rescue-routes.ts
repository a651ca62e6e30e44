// The actions of servers that boot them from another image, or make their disks anew.
import { Answer } from '@kilonova/api/route'
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { rebuildServer } from './rebuild.ts'
import { rescueServer, unrescueServer } from './rescue.ts'
import { Rebuild, RebuiltServer, Rescue } from './schema.ts'
import { changedViewOf } from './shown.ts'
import { serverLinks } from './view.ts'

export const rescueRoutes = [
  route({
    ...ACTION,
    action: 'rescue',
    policy: 'os-rescue',
    body: Rescue,
    success: 200,
    handler: async (compute, { context, params, body }) => {
      const adminPass = await rescueServer(compute, context, params['id']!, body.rescue ?? {})
      return compute.options.enable_instance_password ? { adminPass } : {}
    },
  }),
  route({
    ...ACTION,
    action: 'unrescue',
    policy: 'os-unrescue',
    body: bare('unrescue'),
    success: 202,
    handler: act(unrescueServer),
  }),
  route({
    ...ACTION,
    action: 'rebuild',
    policy: 'servers:rebuild',
    body: Rebuild,
    success: 202,
    reply: RebuiltServer,
    handler: async (compute, call) => {
      const { row, adminPass } = await rebuildServer(compute, call, call.params['id']!)
      const view = { ...(await changedViewOf(compute, call, row)), user_data: row.user_data }
      const server = compute.options.enable_instance_password ? { ...view, adminPass } : view
      return new Answer({ headers: { location: serverLinks(call, row.id)[0]!.href }, body: { server } })
    },
  }),
]
