// The actions on the system inside a guest.
import { Type } from '@kilonova/api/type'
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { changePassword, triggerCrashDump } from './inside-guest.ts'

const closed = { additionalProperties: false }
const MOST_LETTERS = 255

const ChangePassword = Type.Object(
  { changePassword: Type.Object({ adminPass: Type.String({ maxLength: MOST_LETTERS }) }, closed) },
  closed,
)

export const insideGuestRoutes = [
  route({
    ...ACTION,
    action: 'changePassword',
    policy: 'os-admin-password',
    body: ChangePassword,
    success: 202,
    handler: async (compute, { context, params, body }) => {
      await changePassword(compute, context, params['id']!, body.changePassword.adminPass)
    },
  }),
  route({
    ...ACTION,
    action: 'trigger_crash_dump',
    since: '2.17',
    policy: 'servers:trigger_crash_dump',
    body: bare('trigger_crash_dump'),
    success: 202,
    handler: act(triggerCrashDump),
  }),
]
