// The compute agent as a process serves it: on the bus, with signs of life and reports to the conductor.
import type { Clock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Bus } from '@kilonova/bus/bus'
import type { ConductorMethods } from './conductor-protocol.ts'
import { CONDUCTOR_TOPIC } from './conductor-protocol.ts'
import type { Hypervisor } from './hypervisor.ts'
import { LifecycleEvents } from './lifecycle-events.ts'
import type { ComputeAgent } from './protocol.ts'
import { computeTopic } from './protocol.ts'

export interface HostProcessParts {
  host: string
  bus: Bus
  clock: Clock
  agent: ComputeAgent
  /** Whose guests' events the conductor is told; absent: it is told none. */
  hypervisor?: Pick<Hypervisor, 'events' | 'reconnections'>
  options: {
    /** Seconds between signs of life. */
    report_interval: number
    /** Seconds between reports of what the host has. */
    update_resources_interval: number
    /** Default true. */
    handle_virt_lifecycle_events?: boolean
  }
}

export interface HostProcess {
  /** Resolves when the host has reported for the first time, so that it can be given servers. */
  reported: Promise<void>
  stop(): Promise<void>
}

/** Serves the agent until stopped. A report that does not arrive is told again at the next turn. */
export async function startHostProcess(parts: HostProcessParts): Promise<HostProcess> {
  const { host, bus, agent, hypervisor, clock, options } = parts
  const endServing = await bus.serve<ComputeAgent>(computeTopic(host), agent)
  const conductor = bus.remote<ConductorMethods>(CONDUCTOR_TOPIC)
  const events = new LifecycleEvents({
    host,
    clock,
    conductor,
    ...(hypervisor ? { hypervisor } : {}),
    handlesEvents: options.handle_virt_lifecycle_events ?? true,
  })
  const ending = new AbortController()
  const first = Promise.withResolvers<void>()
  let reportedAt = -Infinity

  const report = async (): Promise<void> => {
    const isDue = clock.monotonic() - reportedAt >= options.update_resources_interval * 1000
    if (isDue) await removeGone(agent, conductor, host)
    const inventory = isDue ? { inventory: await agent.inventory() } : {}
    await conductor.reportHost({ host, ...inventory })
    if (isDue) reportedAt = clock.monotonic()
    first.resolve()
    await events.catchUp()
  }
  const forever = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await report().catch((error) => log('compute.agent').warn({ host }, `could not report: ${errorChain(error)}`))
      await clock.sleep(options.report_interval * 1000, ending.signal)
    }
  }
  const running = forever()
  return {
    reported: first.promise,
    async stop() {
      ending.abort()
      await events.stop()
      await running
      await endServing()
    },
  }
}

/** Guests whose servers the conductor knows to be deleted, from a time when this host did not answer, are taken away. */
async function removeGone(
  agent: ComputeAgent,
  conductor: { goneServers: ConductorMethods['goneServers'] },
  host: string,
): Promise<void> {
  const guests = await agent.guests()
  if (guests.length === 0) return
  const gone = await conductor.goneServers({ host, ids: guests.map(({ id }) => id) })
  for (const guest of gone) {
    log('compute.agent').warn({ host, server_id: guest.id }, 'removes the guest of a deleted server')
    await agent.destroyGuest({ id: guest.id })
    await agent.unplug(guest)
    await agent.deleteFiles({ id: guest.id })
  }
}
