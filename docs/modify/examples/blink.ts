// A plug-in with an action that takes time: it stops a guest for a moment, as a task with an instance action.

import { member } from '@kilonova/api/policy'
import { routeOf } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Compute } from '@kilonova/compute/compute'
import type { Conductor } from '@kilonova/compute/conductor'
import { agentOf } from '@kilonova/compute/conductor'
import { definePlugin } from '@kilonova/compute/plugin'
import { actionEvent, startAction } from '@kilonova/compute/servers/instance-action'
import { refusal } from '@kilonova/compute/servers/lifecycle'
import type { ServerId } from '@kilonova/compute/servers/server-id'
import { findServer, getServer } from '@kilonova/compute/servers/store'
import { saga, taskKind } from '@kilonova/tasks/saga'

interface Blink {
  serverId: ServerId
}

const blinkTask = taskKind<Blink>('server.acme-blink', {
  resource: ({ serverId }) => ({ type: 'server', id: serverId }),
})

/** The guest's host, or undefined when the server is gone meanwhile. */
async function hostOf({ compute }: Conductor, { serverId }: Blink): Promise<string | undefined> {
  return (await findServer(compute, serverId))?.host ?? undefined
}

async function resume(conductor: Conductor, input: Blink): Promise<void> {
  const host = await hostOf(conductor, input)
  if (host !== undefined) await agentOf(conductor, host).resumeGuest({ id: input.serverId })
}

const blink = saga<Blink, Conductor>(blinkTask, { observe: actionEvent({ event: 'compute_acme_blink' }) })
  .step('stop', {
    do: async ({ input, deps, signal }) => {
      const host = await hostOf(deps, input)
      if (host !== undefined) await agentOf(deps, host).suspendGuest({ id: input.serverId }, { signal })
    },
    undo: ({ input, deps }) => resume(deps, input),
  })
  .step('go', { do: ({ input, deps }) => resume(deps, input) })
  .end()

const policy = { 'acme-blink': member }
const route = routeOf<Compute, typeof policy>(policy)

export default definePlugin({
  name: 'blink',
  extend: () => ({
    policy,
    tasks: [blink],
    routes: [
      route({
        method: 'POST',
        path: '/v2.1/servers/:id/action',
        action: 'acme:blink',
        policy: 'acme-blink',
        body: Type.Object({ 'acme:blink': Type.Null() }, closed),
        success: 202,
        handler: (compute, { context, params }) =>
          compute.store.transaction(async () => {
            const row = await getServer(compute, context, params['id']!)
            const refused = refusal(row, 'pause', context)
            if (refused) throw refused
            await startAction(compute, context, row.id, 'acme_blink')
            await compute.tasks.enqueue(blinkTask, { input: { serverId: row.id as ServerId }, context })
          }),
      }),
    ],
  }),
})
