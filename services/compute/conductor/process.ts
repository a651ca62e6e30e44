// The conductor's part of a process: its tasks, and its ears for hosts and network.

import { Leader } from '@kilonova/tasks/leader'
import { Periodic } from '@kilonova/tasks/periodic'
import type { ConductorMethods, EventMethods, NetworkEvent } from '../agent/conductor-protocol.ts'
import { CONDUCTOR_TOPIC, EVENTS_TOPIC } from '../agent/conductor-protocol.ts'
import type { Compute } from '../compute.ts'
import { findServer, updateServer } from '../servers/store.ts'
import { reportService } from '../services/report.ts'
import { goneServers, metadataOf } from './for-hosts.ts'
import { renewNetworkInfo } from './ports.ts'
import { PowerSync, powerSyncSeconds } from './power-sync.ts'
import { reportHost } from './report-host.ts'
import { conductorSagas } from './sagas.ts'

/** Adds the conductor's tasks; before the task engine starts. */
export function addConductorTasks(compute: Compute): void {
  compute.tasks.add(conductorSagas, { compute })
}

/** Listens until what it returns is called. */
export async function startConductor(compute: Compute, host: string): Promise<() => Promise<void>> {
  const powerSync = new PowerSync(compute)
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
    guestEvent: async (event) => {
      await powerSync.event(event)
      return null
    },
    syncPowerStates: async ({ host }) => {
      void powerSync.wished(host)
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
  const leader = new Leader({ store: compute.store, clock: compute.clock, owner: compute.random.uuid() })
  const comparing = { name: 'compute.sync_power_states', seconds: powerSyncSeconds(compute.options), leader }
  periodic.every(comparing, () => powerSync.all())
  return async () => {
    await Promise.all([powerSync.stop(), periodic.stop()])
    await leader.resign()
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
  await renewNetworkInfo(compute, serverId)
}
