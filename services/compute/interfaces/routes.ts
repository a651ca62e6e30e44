// os-interface: the interfaces of a server.
import { Type } from '@kilonova/api/type'
import { since } from '@kilonova/api/versions'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { getServer } from '../servers/store.ts'
import { attachInterface, detachInterface } from './attach.ts'
import { AttachInterface } from './schema.ts'
import { interfacesOf } from './view.ts'

const ALL = '/v2.1/servers/:serverId/os-interface'
const ONE = `${ALL}/:id`

const Interface = Type.Object({ tag: Type.Optional(Type.Unknown(since('2.70'))) })
const ShownInterface = Type.Object({ interfaceAttachment: Interface })

export const interfaceRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-attach-interfaces:list',
    success: 200,
    reply: Type.Object({ interfaceAttachments: Type.Array(Interface) }),
    handler: async (compute, { context, params }) => ({
      interfaceAttachments: await interfacesOf(compute, await getServer(compute, context, params['serverId']!)),
    }),
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-attach-interfaces:show',
    success: 200,
    reply: ShownInterface,
    handler: async (compute, { context, params }) => {
      const id = params['id']!
      const all = await interfacesOf(compute, await getServer(compute, context, params['serverId']!))
      const one = all.find(({ port_id }) => port_id === id)
      if (!one) throw fault('PortNotFound', { id })
      return { interfaceAttachment: one }
    },
  }),
  route({
    method: 'POST',
    path: ALL,
    policy: 'os-attach-interfaces:create',
    body: AttachInterface,
    success: 200,
    reply: ShownInterface,
    handler: async (compute, { context, params, body }) => ({
      interfaceAttachment: await attachInterface(compute, context, params['serverId']!, body),
    }),
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-attach-interfaces:delete',
    success: 202,
    handler: (compute, { context, params }) => detachInterface(compute, context, params['serverId']!, params['id']!),
  }),
]
