// The routes of consoles: links for users, and for other proxies what stands behind a token.
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { AskedConsole } from './create.ts'
import { createConsole } from './create.ts'
import {
  CreateConsole,
  GetSerialConsole,
  GetSpiceConsole,
  GetVncConsole,
  ShownToken,
  ShowTokenQuery,
} from './schema.ts'
import { findToken } from './tokens.ts'

const TOKEN = '/v2.1/os-console-auth-tokens/:token'
const OLD_ACTION = {
  method: 'POST',
  path: '/v2.1/servers/:id/action',
  policy: 'os-remote-consoles',
  until: '2.5',
  success: 200,
} as const

/** The answer of the old actions. */
async function consoleOf(compute: Compute, call: Call, asked: AskedConsole): Promise<object> {
  return { console: { type: asked.type, url: await createConsole(compute, call, call.params['id']!, asked) } }
}

export const consoleRoutes = [
  route({
    method: 'POST',
    path: '/v2.1/servers/:id/remote-consoles',
    policy: 'os-remote-consoles',
    since: '2.6',
    body: CreateConsole,
    success: 200,
    handler: async (compute, call) => {
      const asked = call.body.remote_console
      const url = await createConsole(compute, call, call.params['id']!, asked)
      return { remote_console: { protocol: asked.protocol, type: asked.type, url } }
    },
  }),
  route({
    ...OLD_ACTION,
    action: 'os-getVNCConsole',
    body: GetVncConsole,
    handler: (compute, call) => consoleOf(compute, call, { protocol: 'vnc', type: call.body['os-getVNCConsole'].type }),
  }),
  route({
    ...OLD_ACTION,
    action: 'os-getSPICEConsole',
    body: GetSpiceConsole,
    handler: (compute, call) =>
      consoleOf(compute, call, { protocol: 'spice', type: call.body['os-getSPICEConsole'].type }),
  }),
  route({
    ...OLD_ACTION,
    action: 'os-getSerialConsole',
    body: GetSerialConsole,
    handler: (compute, call) =>
      consoleOf(compute, call, { protocol: 'serial', type: call.body['os-getSerialConsole'].type }),
  }),
  route({
    method: 'POST',
    path: '/v2.1/servers/:id/action',
    action: 'os-getRDPConsole',
    policy: 'os-remote-consoles',
    body: Type.Object({ 'os-getRDPConsole': Type.Unknown() }),
    success: 200,
    handler: async () => {
      throw fault('RdpConsoleGone', {})
    },
  }),
  route({
    method: 'GET',
    path: TOKEN,
    policy: 'os-console-auth-tokens',
    until: '2.30',
    success: 200,
    // It told of RDP consoles alone, and those are gone.
    handler: async () => {
      throw fault('ConsoleTypeUnavailable', { type: 'rdp-html5' })
    },
  }),
  route({
    method: 'GET',
    path: TOKEN,
    policy: 'os-console-auth-tokens',
    since: '2.31',
    query: ShowTokenQuery,
    success: 200,
    reply: ShownToken,
    handler: async (compute, { params }) => {
      const row = await findToken(compute, params['token']!)
      if (!row) throw fault('ConsoleTokenNotFound', {})
      const { server_id: instance_uuid, address: host, port } = row
      return { console: { instance_uuid, host, port, internal_access_path: null, tls_port: null } }
    },
  }),
]
