// os-server-external-events: what other services tell of servers.
import { Answer } from '@kilonova/api/route'
import { route } from '../route.ts'
import { CreateExternalEvents } from './schema.ts'
import { takeEvents } from './take.ts'

const SOME_FAILED = 207

export const serverExternalEventRoutes = [
  route({
    method: 'POST',
    path: '/v2.1/os-server-external-events',
    policy: 'os-server-external-events:create',
    body: CreateExternalEvents,
    success: 200,
    handler: async (compute, { context, body }) => {
      const events = await takeEvents(compute, context, body.events)
      const status = events.every(({ code }) => code === 200) ? 200 : SOME_FAILED
      return new Answer({ status, body: { events } })
    },
  }),
]
