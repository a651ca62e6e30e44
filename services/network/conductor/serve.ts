// Network's ears on the bus: what hosts ask and tell.
import { recordReport } from '../agents/report.ts'
import type { NetworkMethods } from '../host-protocol.ts'
import { NETWORK_TOPIC } from '../host-protocol.ts'
import type { Network } from '../network.ts'
import { takePortReports, takeReadyReport } from './reports.ts'
import { portDetails, wantedState } from './wanted.ts'

/** Serves until what it returns is called. */
export function serveNetwork(network: Network): Promise<() => Promise<void>> {
  return network.bus.serve<NetworkMethods>(NETWORK_TOPIC, {
    portDetails: (asked) => portDetails(network, asked),
    wantedState: ({ host }) => wantedState(network, host),
    generation: () => network.changes.generation(),
    async portReport(told) {
      await takePortReports(network, told)
      return null
    },
    async readyReport(told) {
      await takeReadyReport(network, told)
      return null
    },
    async agentReport(told) {
      await recordReport(network, told)
      return null
    },
  })
}
