// The actions of servers that turn guests on and off, lock servers and set their state.
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { consoleOutput } from './console-output.ts'
import { lockServer, unlockServer } from './lock.ts'
import {
  pauseServer,
  rebootServer,
  resumeServer,
  startServer,
  stopServer,
  suspendServer,
  unpauseServer,
} from './power.ts'
import { resetState } from './reset-state.ts'
import { ConsoleOutput, Lock, Reboot, ResetState } from './schema.ts'

export const powerRoutes = [
  route({
    ...ACTION,
    action: 'os-start',
    policy: 'servers:start',
    body: bare('os-start'),
    success: 202,
    handler: act(startServer),
  }),
  route({
    ...ACTION,
    action: 'os-stop',
    policy: 'servers:stop',
    body: bare('os-stop'),
    success: 202,
    handler: act(stopServer),
  }),
  route({
    ...ACTION,
    action: 'pause',
    policy: 'os-pause-server:pause',
    body: bare('pause'),
    success: 202,
    handler: act(pauseServer),
  }),
  route({
    ...ACTION,
    action: 'unpause',
    policy: 'os-pause-server:unpause',
    body: bare('unpause'),
    success: 202,
    handler: act(unpauseServer),
  }),
  route({
    ...ACTION,
    action: 'suspend',
    policy: 'os-suspend-server:suspend',
    body: bare('suspend'),
    success: 202,
    handler: act(suspendServer),
  }),
  route({
    ...ACTION,
    action: 'resume',
    policy: 'os-suspend-server:resume',
    body: bare('resume'),
    success: 202,
    handler: act(resumeServer),
  }),
  route({
    ...ACTION,
    action: 'reboot',
    policy: 'servers:reboot',
    body: Reboot,
    success: 202,
    handler: async (compute, { context, params, body }) => {
      const how = body.reboot.type.toLowerCase() === 'hard' ? 'hard' : 'soft'
      await rebootServer(compute, context, params['id']!, how)
    },
  }),
  route({
    ...ACTION,
    action: 'os-getConsoleOutput',
    policy: 'os-console-output',
    body: ConsoleOutput,
    success: 200,
    handler: async (compute, { context, params, body }) => {
      const length = body['os-getConsoleOutput']?.length ?? null
      return { output: await consoleOutput(compute, context, params['id']!, length === null ? null : Number(length)) }
    },
  }),
  route({
    ...ACTION,
    action: 'lock',
    policy: 'os-lock-server:lock',
    body: Lock,
    success: 202,
    handler: (compute, { context, params, body, at }) => {
      const { locked_reason: reason } = at('2.73') ? ((body.lock ?? {}) as { locked_reason?: string }) : {}
      return lockServer(compute, context, params['id']!, reason)
    },
  }),
  route({
    ...ACTION,
    action: 'unlock',
    policy: 'os-lock-server:unlock',
    body: bare('unlock'),
    success: 202,
    handler: (compute, call) => unlockServer(compute, call, call.params['id']!),
  }),
  route({
    ...ACTION,
    action: 'os-resetState',
    policy: 'os-admin-actions:reset_state',
    body: ResetState,
    success: 202,
    handler: (compute, { context, params, body }) =>
      resetState(compute, context, params['id']!, body['os-resetState'].state),
  }),
]
