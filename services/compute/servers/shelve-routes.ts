// The actions that shelve servers and bring them back.
import { route } from '../route.ts'
import { ACTION, act, bare } from './action.ts'
import { offloadServer, shelveServer, unshelveServer } from './shelve.ts'
import { Unshelve } from './snapshot-schema.ts'

export const shelveRoutes = [
  route({
    ...ACTION,
    action: 'shelve',
    policy: 'os-shelve:shelve',
    body: bare('shelve'),
    success: 202,
    handler: act(shelveServer),
  }),
  route({
    ...ACTION,
    action: 'shelveOffload',
    policy: 'os-shelve:shelve_offload',
    body: bare('shelveOffload'),
    success: 202,
    handler: act(offloadServer),
  }),
  route({
    ...ACTION,
    action: 'unshelve',
    policy: 'os-shelve:unshelve',
    body: Unshelve,
    success: 202,
    handler: async (compute, call) => {
      const asked = (call.at('2.77') ? (call.body.unshelve ?? {}) : {}) as Asked
      if (asked.host !== undefined) call.require('os-shelve:unshelve_to_host')
      const wanted = { zone: asked.availability_zone, host: asked.host }
      await unshelveServer(compute, call.context, call.params['id']!, wanted)
    },
  }),
]

interface Asked {
  availability_zone?: string | null
  host?: string
}
