// The actions on servers that were deleted and are only put away.
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { forceDeleteServer } from './delete.ts'
import { restoreServer } from './restore.ts'

export const deleteRoutes = [
  route({
    ...ACTION,
    action: 'restore',
    policy: 'os-deferred-delete:restore',
    body: bare('restore'),
    success: 202,
    handler: act(restoreServer),
  }),
  route({
    ...ACTION,
    action: 'forceDelete',
    policy: 'os-deferred-delete:force',
    body: bare('forceDelete'),
    success: 202,
    handler: act(forceDeleteServer),
  }),
]
