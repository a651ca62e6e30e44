// The metadata of a server, whole and key by key.
import { metadata } from '@kilonova/api/fields'
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { getServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'
import { changeMetadata } from './change.ts'

const ALL = '/v2.1/servers/:serverId/metadata'
const ONE = '/v2.1/servers/:serverId/metadata/:key'
const Whole = Type.Object({ metadata: metadata() }, closed)
const Item = Type.Object({ meta: metadata(255, { minProperties: 1, maxProperties: 1 }) }, closed)

const serverOf = ({ params }: Pick<Call, 'params'>): string => params['serverId']!

export const serverMetadataRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'server-metadata:index',
    success: 200,
    handler: async (compute, call) => ({
      metadata: parsed((await getServer(compute, call.context, serverOf(call))).metadata_json),
    }),
  }),
  route({
    method: 'POST',
    path: ALL,
    policy: 'server-metadata:create',
    body: Whole,
    success: 200,
    handler: async (compute, call) => {
      const merge = (old: Record<string, string>) => ({ ...old, ...call.body.metadata })
      return { metadata: await changeMetadata(compute, call.context, serverOf(call), merge) }
    },
  }),
  route({
    method: 'PUT',
    path: ALL,
    policy: 'server-metadata:update_all',
    body: Whole,
    success: 200,
    handler: async (compute, call) => ({
      metadata: await changeMetadata(compute, call.context, serverOf(call), () => call.body.metadata),
    }),
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'server-metadata:show',
    success: 200,
    handler: async (compute, call) => {
      const all = parsed<Record<string, string>>((await getServer(compute, call.context, serverOf(call))).metadata_json)
      const key = call.params['key']!
      if (!(key in all)) throw fault('MetadataItemNotFound', {})
      return { meta: { [key]: all[key] } }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'server-metadata:update',
    body: Item,
    success: 200,
    handler: async (compute, call) => {
      const key = call.params['key']!
      const value = call.body.meta[key]
      if (value === undefined) throw fault('BadRequest', { message: 'Request body and URI mismatch' })
      await changeMetadata(compute, call.context, serverOf(call), (old) => ({ ...old, [key]: value }))
      return { meta: { [key]: value } }
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'server-metadata:delete',
    success: 204,
    handler: async (compute, call) => {
      const key = call.params['key']!
      await changeMetadata(compute, call.context, serverOf(call), (old) => {
        if (!(key in old)) throw fault('MetadataItemNotFound', {})
        return Object.fromEntries(Object.entries(old).filter(([name]) => name !== key))
      })
    },
  }),
]
