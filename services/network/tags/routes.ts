// /v2.0/<collection>/{id}/tags of every resource that has tags.
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import { getFloatingIp } from '../floating-ips/write.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { getNetwork } from '../networks/rows.ts'
import { getPort } from '../ports/rows.ts'
import { route } from '../route.ts'
import { getRouter } from '../routers/rows.ts'
import type { NetworkTables, StandardColumns } from '../schema/tables.ts'
import { getGroup } from '../security-groups/rows.ts'
import { changed } from '../standard.ts'
import { getSubnet } from '../subnets/rows.ts'
import { tagsOf } from '../tags.ts'

type Find = (network: Network, context: RequestContext, id: string) => Promise<StandardColumns>

interface Tagged {
  table: keyof NetworkTables & `network_${string}`
  find: Find
}

const TAGGED: Record<string, Tagged> = {
  networks: { table: 'network_networks', find: getNetwork },
  subnets: { table: 'network_subnets', find: getSubnet },
  ports: { table: 'network_ports', find: getPort },
  routers: { table: 'network_routers', find: getRouter },
  floatingips: { table: 'network_floating_ips', find: getFloatingIp },
  'security-groups': { table: 'network_security_groups', find: getGroup },
}

const MOST_TAGS = 50
const tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]+$' })
const Tags = Type.Object({ tags: Type.Array(tag, { maxItems: MOST_TAGS, uniqueItems: true }) }, closed)

async function targetOf(network: Network, call: Call, { find }: Tagged): Promise<StandardColumns> {
  return find(network, call.context, call.params['id']!)
}

/** Brings the tags to what `next` makes of them. */
function change(
  network: Network,
  call: Call,
  tagged: Tagged,
  next: (tags: string[]) => readonly string[],
): Promise<string[]> {
  return network.store.transaction(async () => {
    const row = await targetOf(network, call, tagged)
    call.require('update_tags', { projectId: row.project_id })
    await network.store.lock(`tags ${row.id}`)
    const before = (await tagsOf(network, [row.id])).get(row.id)!
    const after = [...new Set(next(before))].sort()
    if (after.length > MOST_TAGS) {
      throw fault('InvalidInput', { message: `a resource can have ${MOST_TAGS} tags at most` })
    }
    const db = tables(network)
    await db.deleteFrom('network_tags').where('resource_id', '=', row.id).execute()
    const rows = after.map((one) => ({ resource_id: row.id, tag: one }))
    if (rows.length > 0) await db.insertInto('network_tags').values(rows).execute()
    await db
      .updateTable(tagged.table as 'network_networks')
      .set(changed(network, row))
      .where('id', '=', row.id)
      .execute()
    return after
  })
}

function checkedTag({ params }: Call): string {
  const one = params['tag']!
  if (one.length > 60 || one.includes(',')) {
    throw fault('InvalidInput', { message: `'${one}' is not a valid tag: at most 60 characters, without comma` })
  }
  return one
}

function routesFor(collection: string, tagged: Tagged) {
  const path = `/v2.0/${collection}/:id/tags`
  const one = `${path}/:tag`
  return [
    route({
      method: 'GET',
      path,
      policy: 'get_tags',
      success: 200,
      handler: async (network, call) => {
        const { id } = await targetOf(network, call, tagged)
        return { tags: (await tagsOf(network, [id])).get(id) }
      },
    }),
    route({
      method: 'PUT',
      path,
      policy: 'update_tags',
      body: Tags,
      success: 200,
      handler: async (network, call) => ({ tags: await change(network, call, tagged, () => call.body.tags) }),
    }),
    route({
      method: 'DELETE',
      path,
      policy: 'update_tags',
      success: 204,
      handler: async (network, call) => void (await change(network, call, tagged, () => [])),
    }),
    route({
      method: 'GET',
      path: one,
      policy: 'get_tags',
      success: 204,
      handler: async (network, call) => {
        const { id } = await targetOf(network, call, tagged)
        const tags = (await tagsOf(network, [id])).get(id)!
        if (!tags.includes(call.params['tag']!)) throw fault('TagNotFound', { tag: call.params['tag']! })
      },
    }),
    route({
      method: 'PUT',
      path: one,
      policy: 'update_tags',
      success: 201,
      handler: async (network, call) => {
        const added = checkedTag(call)
        await change(network, call, tagged, (tags) => [...tags, added])
      },
    }),
    route({
      method: 'DELETE',
      path: one,
      policy: 'update_tags',
      success: 204,
      handler: async (network, call) => {
        const gone = call.params['tag']!
        await change(network, call, tagged, (tags) => {
          if (!tags.includes(gone)) throw fault('TagNotFound', { tag: gone })
          return tags.filter((other) => other !== gone)
        })
      },
    }),
  ]
}

export const tagRoutes = Object.entries(TAGGED).flatMap(([collection, tagged]) => routesFor(collection, tagged))
