// GET /servers/{id}/diagnostics: what a host says of a guest that runs; since 2.48 in a form of our own choice.
import { isFault } from '@kilonova/base/fault'
import type { ComputeAgent, GuestDiagnostics } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { ServerRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'
import { libvirtFigures, standardFigures } from './view.ts'

const TIME_LIMIT = 10_000

/** The host's answer; a guest that does not run has no figures. */
async function figuresOf(compute: Compute, { id, host }: ServerRow): Promise<GuestDiagnostics> {
  if (host === null) throw fault('InstanceNotReady', { id })
  const refuse = (state: string, cause?: unknown) =>
    fault('InstanceInvalidState', { id, action: 'get_diagnostics', attribute: 'power state', state }, cause)
  try {
    const agent = compute.bus.remote<ComputeAgent>(computeTopic(host))
    const figures = await agent.diagnostics!({ id }, { timeout: TIME_LIMIT })
    if (figures.state !== 'running') throw refuse(figures.state)
    return figures
  } catch (error) {
    if (isFault(error, 'NoSuchMethod')) throw fault('FeatureNotSupported', {}, error)
    if (isFault(error, 'GuestOff')) throw refuse('shutdown', error)
    if (isFault(error, 'GuestNotFound')) throw refuse('pending', error)
    throw error
  }
}

export const diagnosticsRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/servers/:id/diagnostics',
    policy: 'os-server-diagnostics',
    success: 200,
    handler: async (compute, { context, params, at }) => {
      const row = await getServer(compute, context, params['id']!)
      const figures = await figuresOf(compute, row)
      return at('2.48') ? standardFigures(figures, row, compute.clock.now()) : libvirtFigures(figures)
    },
  }),
]
