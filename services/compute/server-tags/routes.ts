// The tags of a server, whole and one by one.
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { getServer } from '../servers/store.ts'
import { MOST_TAGS, tag } from '../servers/tag.ts'
import { parsed } from '../servers/view.ts'
import { changeTags, withTag } from './change.ts'

const ALL = '/v2.1/servers/:serverId/tags'
const ONE = '/v2.1/servers/:serverId/tags/:tag'
const since = '2.26'
const Whole = Type.Object({ tags: Type.Array(tag(), { maxItems: MOST_TAGS }) }, closed)

type Asked = Pick<Call, 'context' | 'params'>
const serverOf = ({ params }: Asked): string => params['serverId']!
const tagOf = ({ params }: Asked): string => params['tag']!

async function tagsOf(compute: Compute, call: Asked): Promise<string[]> {
  return parsed((await getServer(compute, call.context, serverOf(call))).tags_json)
}

export const serverTagRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-server-tags:index',
    since,
    success: 200,
    handler: async (compute, call) => ({ tags: await tagsOf(compute, call) }),
  }),
  route({
    method: 'PUT',
    path: ALL,
    policy: 'os-server-tags:update_all',
    since,
    body: Whole,
    success: 200,
    handler: async (compute, call) => {
      const change = { serverId: serverOf(call), action: 'update tags', next: () => call.body.tags }
      return { tags: await changeTags(compute, call.context, change) }
    },
  }),
  route({
    method: 'DELETE',
    path: ALL,
    policy: 'os-server-tags:delete_all',
    since,
    success: 204,
    handler: async (compute, call) => {
      await changeTags(compute, call.context, { serverId: serverOf(call), action: 'delete tags', next: () => [] })
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-server-tags:show',
    since,
    success: 204,
    handler: async (compute, call) => {
      const [id, wanted] = [serverOf(call), tagOf(call)]
      if (!(await tagsOf(compute, call)).includes(wanted)) throw fault('TagNotFound', { id, tag: wanted })
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'os-server-tags:update',
    since,
    body: Type.Null(),
    success: 201,
    handler: async (compute, call) => {
      const [serverId, added] = [serverOf(call), tagOf(call)]
      let isNew = false
      const next = (old: readonly string[]) => {
        isNew = !old.includes(added)
        return withTag(old, added)
      }
      await changeTags(compute, call.context, { serverId, action: 'update tag', next })
      if (!isNew) return new Answer({ status: 204 })
      const location = `${call.url.versioned}/servers/${serverId}/tags/${encodeURIComponent(added)}`
      return new Answer({ headers: { location } })
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-server-tags:delete',
    since,
    success: 204,
    handler: async (compute, call) => {
      const [serverId, gone] = [serverOf(call), tagOf(call)]
      const next = (old: readonly string[]) => {
        if (!old.includes(gone)) throw fault('TagNotFound', { id: serverId, tag: gone })
        return old.filter((one) => one !== gone)
      }
      await changeTags(compute, call.context, { serverId, action: 'delete tag', next })
    },
  }),
]
