// The routes of key pairs. They belong to users; admins may name another user from 2.10 on.
import { nextLink, pageOf } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { KeypairRow } from '../schema/tables.ts'
import { addKeypair, newKeypair } from './create.ts'
import type { ListKeypairs as Query } from './schema.ts'
import { CreateKeypair, KeypairShown, KeypairsListed, ListKeypairs, OneKeypair } from './schema.ts'
import { keypairOfUser, keypairsOfUser, removeKeypair } from './store.ts'
import { keypairView, shownKeypair } from './view.ts'

const ALL = '/v2.1/os-keypairs'
const ONE = `${ALL}/:name`

type Rule = `os-keypairs:${'index' | 'show' | 'create' | 'delete'}`

/** Whose key pairs the call is about; throws unless the rule lets the caller touch them. */
function ownerOf(call: Pick<Call, 'context' | 'at' | 'require'>, rule: Rule, asked: string | undefined): string {
  const userId = (call.at('2.10') && asked) || call.context.userId!
  call.require(rule, { userId })
  return userId
}

async function pageOfUser(compute: Compute, call: Call<unknown, Query>, userId: string): Promise<KeypairRow[]> {
  if (!call.at('2.35')) return keypairsOfUser(compute, userId)
  const page = pageOf(call.query, compute.options.max_limit)
  if (page.marker !== undefined && !(await keypairOfUser(compute, userId, page.marker)))
    throw fault('BadRequest', { message: `Marker ${page.marker} could not be found.` })
  return keypairsOfUser(compute, userId, page)
}

function linksOf(compute: Compute, call: Call<unknown, Query>, rows: KeypairRow[]): object {
  const { limit } = pageOf(call.query, compute.options.max_limit)
  if (!call.at('2.35') || limit === 0 || rows.length < limit) return {}
  const href = nextLink(call, `${call.url.versioned}/os-keypairs`, rows.at(-1)!.name)
  return { keypairs_links: [{ rel: 'next', href }] }
}

export const keypairRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-keypairs:index',
    query: ListKeypairs,
    success: 200,
    reply: KeypairsListed,
    handler: async (compute, call) => {
      const userId = ownerOf(call, 'os-keypairs:index', call.query.user_id)
      const rows = await pageOfUser(compute, call, userId)
      return { keypairs: rows.map((row) => ({ keypair: keypairView(row) })), ...linksOf(compute, call, rows) }
    },
  }),
  route({
    method: 'POST',
    path: ALL,
    once: true,
    policy: 'os-keypairs:create',
    body: CreateKeypair,
    success: { '2.1': 200, '2.2': 201 },
    reply: KeypairShown,
    prepare: (compute, call) => {
      const { keypair } = call.body
      return newKeypair(compute, ownerOf(call, 'os-keypairs:create', keypair.user_id), keypair)
    },
    handler: async (compute, call, made) => {
      await addKeypair(compute, call.context, made)
      const { row, privateKey } = made
      const secret = privateKey === undefined ? {} : { private_key: privateKey }
      return { keypair: { ...keypairView(row), user_id: row.user_id, ...secret } }
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-keypairs:show',
    query: OneKeypair,
    success: 200,
    reply: KeypairShown,
    handler: async (compute, call) => {
      const userId = ownerOf(call, 'os-keypairs:show', call.query.user_id)
      const name = call.params['name']!
      const row = await keypairOfUser(compute, userId, name)
      if (!row) throw fault('KeypairNotFound', { name, userId })
      return { keypair: shownKeypair(row) }
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-keypairs:delete',
    query: OneKeypair,
    success: { '2.1': 202, '2.2': 204 },
    handler: async (compute, call) => {
      const userId = ownerOf(call, 'os-keypairs:delete', call.query.user_id)
      const name = call.params['name']!
      if (!(await removeKeypair(compute, userId, name))) throw fault('KeypairNotFound', { name, userId })
    },
  }),
]
