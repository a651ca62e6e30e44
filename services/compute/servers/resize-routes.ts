// The actions of servers that give them another flavor or another host, and end that.
import { integerLike, nullable, oneOf } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed, since, until } from '@kilonova/api/versions'
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { confirmResize, migrateServer, resizeServer, revertResize } from './resize.ts'

const O = Type.Optional
const flavorRef = Type.Union([Type.String({ minLength: 1 }), integerLike(1)])

const Resize = Type.Object(
  { resize: Type.Object({ flavorRef, 'OS-DCF:diskConfig': O(oneOf(['AUTO', 'MANUAL'])) }, closed) },
  closed,
)

const host = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })
const Migrate = Type.Object({
  migrate: Type.Union([
    Type.Unknown(until('2.55')),
    Type.Null(since('2.56')),
    Type.Object({ host: O(nullable(host)) }, { ...closed, ...since('2.56') }),
  ]),
})

export const resizeRoutes = [
  route({
    ...ACTION,
    action: 'resize',
    policy: 'servers:resize',
    body: Resize,
    success: 202,
    handler: async (compute, { context, params, body: { resize } }) => {
      const { flavorRef: flavor, 'OS-DCF:diskConfig': diskConfig } = resize
      await resizeServer(compute, context, { id: params['id']!, flavorId: String(flavor), diskConfig })
    },
  }),
  route({
    ...ACTION,
    action: 'migrate',
    policy: 'os-migrate-server:migrate',
    body: Migrate,
    success: 202,
    handler: async (compute, call) => {
      const asked = call.at('2.56') ? (call.body.migrate as { host?: string | null } | null) : null
      const wanted = asked?.host ?? null
      if (wanted !== null) call.require('os-migrate-server:migrate:host')
      await migrateServer(compute, call.context, { id: call.params['id']!, host: wanted })
    },
  }),
  route({
    ...ACTION,
    action: 'confirmResize',
    policy: 'servers:confirm_resize',
    body: bare('confirmResize'),
    success: 204,
    handler: act(confirmResize),
  }),
  route({
    ...ACTION,
    action: 'revertResize',
    policy: 'servers:revert_resize',
    body: bare('revertResize'),
    success: 202,
    handler: act(revertResize),
  }),
]
