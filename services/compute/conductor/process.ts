// The conductor's part of a process: its tasks, and its ears for hosts and network.

import { Periodic } from '@kilonova/tasks/periodic'
import type { ConductorMethods, EventMethods, NetworkEvent } from '../agent/conductor-protocol.ts'
import { CONDUCTOR_TOPIC, EVENTS_TOPIC } from '../agent/conductor-protocol.ts'
import type { Compute } from '../compute.ts'
import { findServer, updateServer } from '../servers/store.ts'
import { reportService } from '../services/report.ts'
import { goneServers, metadataOf } from './for-hosts.ts'
import { vifsOf } from './ports.ts'
import { reportHost } from './report-host.ts'
import { conductorSagas } from './sagas.ts'

/** Adds the conductor's tasks; before the task engine starts. */
export function addConductorTasks(compute: Compute): void {
  compute.tasks.add(conductorSagas, { compute })
}

/** Listens until what it returns is called. */
export async function startConductor(compute: Compute, host: string): Promise<() => Promise<void>> {
  const endReports = await compute.bus.serve<ConductorMethods>(CONDUCTOR_TOPIC, {
    reportHost: async (report) => {
      await reportHost(compute, report)
      return null
    },
    goneServers: (asked) => goneServers(compute, asked),
    metadataOf: (asked) => metadataOf(compute, asked),
    keepPassword: async ({ serverId, password }) => {
      await updateServer(compute, serverId, { encrypted_password: password })
      return null
    },
  })
  const endEvents = await compute.bus.serve<EventMethods>(EVENTS_TOPIC, {
    networkEvent: async (event) => {
      await hearNetwork(compute, event)
      return null
    },
  })
  const periodic = new Periodic(compute.clock, compute.random)
  const signs = { name: 'compute.report_services', seconds: compute.options.report_interval, immediately: true }
  periodic.every(signs, async () => {
    await reportService(compute, { host, binary: 'nova-conductor' })
    await reportService(compute, { host, binary: 'nova-scheduler' })
  })
  return async () => {
    await periodic.stop()
    await endReports()
    await endEvents()
  }
}

/** A port became active, changed or went: a build that waits looks again, and the addresses shown are renewed. */
async function hearNetwork(compute: Compute, { name, serverId }: NetworkEvent): Promise<void> {
  if (name === 'network-vif-plugged') {
    await compute.tasks.nudge({ type: 'server', id: serverId })
    return
  }
  const row = await findServer(compute, serverId)
  if (!row || row.host === null || row.vm_state === 'building') return
  const vifs = await vifsOf(compute, row)
  await updateServer(compute, serverId, { network_info_json: JSON.stringify(vifs) })
}
