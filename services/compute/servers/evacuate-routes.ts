// The action of servers that brings them away from a host that is down.
import { asBoolean, booleanLike } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, requiredUntil, since, until } from '@kilonova/api/versions'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { ACTION } from './action.ts'
import { evacuateServer } from './evacuate.ts'

const O = Type.Optional
const shared = { ...until('2.13'), ...requiredUntil('2.13') }

const Evacuate = Type.Object(
  {
    evacuate: Type.Object(
      {
        host: O(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })),
        adminPass: O(Type.String()),
        onSharedStorage: O(booleanLike(shared)),
        force: O(booleanLike({ ...since('2.29'), ...until('2.67') })),
      },
      closed,
    ),
  },
  closed,
)

/** There is no storage that hosts share. */
function refuseShared({ onSharedStorage, adminPass }: Static<typeof Evacuate>['evacuate']): void {
  if (!asBoolean(onSharedStorage)) return
  throw adminPass === undefined ? fault('NoSharedStorage', {}) : fault('NoPasswordOnSharedStorage', {})
}

export const evacuateRoutes = [
  route({
    ...ACTION,
    action: 'evacuate',
    policy: 'os-evacuate',
    body: Evacuate,
    success: 200,
    handler: async (compute, { context, params, at, body: { evacuate } }) => {
      const { host = null, adminPass } = evacuate
      const force = asBoolean(evacuate.force)
      if (force && host === null) throw fault('ForceWithoutHost', {})
      refuseShared(evacuate)
      // Up to 2.28 a host that is named is not asked whether it suits.
      const forced = host !== null && (force || !at('2.29'))
      const asked = { id: params['id']!, host, forced, endsStopped: at('2.95'), adminPass }
      const password = await evacuateServer(compute, context, asked)
      const shows = !at('2.14') && compute.options.enable_instance_password
      return shows ? { adminPass: password } : undefined
    },
  }),
]
