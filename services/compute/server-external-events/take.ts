// Takes what other services tell of servers: each event for itself, so that some may be taken and others not.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import { errorChain, isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { EventMethods, NetworkEvent } from '../agent/conductor-protocol.ts'
import { EVENTS_TOPIC } from '../agent/conductor-protocol.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { recordAction } from '../servers/instance-action.ts'
import { startServer, stopServer } from '../servers/power.ts'
import { findServer } from '../servers/store.ts'
import type { ExternalEvent } from './schema.ts'

/** 404: there is no such server; 400: the event needs a tag; 422: the server is on no host. */
type Code = 200 | 400 | 404 | 422

type TakenEvent = Omit<ExternalEvent, 'status'> & { status: 'completed' | 'failed'; code: Code }

const NEEDS_TAG = ['volume-extended', 'power-update', 'accelerator-request-bound']

/** In the order of the request. */
export async function takeEvents(
  compute: Compute,
  context: RequestContext,
  events: readonly ExternalEvent[],
): Promise<TakenEvent[]> {
  const taken: TakenEvent[] = []
  for (const event of events) {
    const row = await findServer(compute, event.server_uuid)
    const code = codeOf(event, row)
    if (code === 200) await take(compute, elevated(context), event, row!)
    taken.push({ ...event, status: code === 200 ? 'completed' : 'failed', code })
  }
  return taken
}

function codeOf({ name, tag }: ExternalEvent, row: ServerRow | undefined): Code {
  if (!row) return 404
  if (NEEDS_TAG.includes(name) && tag === undefined) return 400
  return row.host === null ? 422 : 200
}

async function take(compute: Compute, context: RequestContext, event: ExternalEvent, row: ServerRow): Promise<void> {
  const { name, tag = '', status = 'completed' } = event
  if (name === 'power-update') return updatePower(compute, context, tag, row)
  if (name.startsWith('network-')) {
    tellConductor(compute, { name: name as NetworkEvent['name'], serverId: row.id, portId: tag, status })
    return
  }
  log('compute.external_events').info({ event }, 'nothing of this server waits for the event: it is ignored')
}

/** As the network service in this process tells it. One that is lost is made up for by the next look at the ports. */
function tellConductor({ bus, store }: Compute, event: NetworkEvent): void {
  store.afterCommit(() => {
    bus
      .cast<EventMethods, 'networkEvent'>(EVENTS_TOPIC, 'networkEvent', event)
      .catch((error) => log('compute.external_events').warn({ event }, `was not told: ${errorChain(error)}`))
  })
}

const UPDATES = {
  POWER_ON: { from: 'stopped', power: POWER.SHUTDOWN, action: 'start', make: startServer },
  POWER_OFF: { from: 'active', power: POWER.RUNNING, action: 'stop', make: stopServer },
} as const

/** The server goes on or off, where it is the other and nothing is done to it; else only the action is recorded. */
async function updatePower(compute: Compute, context: RequestContext, tag: string, row: ServerRow): Promise<void> {
  const update = Object.hasOwn(UPDATES, tag) ? UPDATES[tag as keyof typeof UPDATES] : undefined
  if (!update) {
    log('compute.external_events').warn({ server_id: row.id, tag }, 'power-update knows POWER_ON and POWER_OFF alone')
    return
  }
  const { from, power, action, make } = update
  if (row.vm_state === from && row.power_state === power && row.task_state === null) {
    try {
      await make(compute, context, row.id)
      return
    } catch (error) {
      // Something else has begun meanwhile.
      if (!isFault(error) || error.status >= 500) throw error
    }
  }
  await compute.store.transaction(() => recordAction(compute, context, row.id, action, 'compute_power_update'))
}
