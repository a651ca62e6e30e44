// The conductor's part of a process: its tasks, and its ears for hosts and network.

import { Leader } from '@kilonova/tasks/leader'
import { Periodic } from '@kilonova/tasks/periodic'
import type { ConductorMethods, EventMethods } from '../agent/conductor-protocol.ts'
import { CONDUCTOR_TOPIC, EVENTS_TOPIC } from '../agent/conductor-protocol.ts'
import type { Compute } from '../compute.ts'
import { leftGuests } from '../migrations/left-guests.ts'
import { startDelivery } from '../notifications/deliver.ts'
import { updateServer } from '../servers/store.ts'
import { hearReports } from '../services/liveness.ts'
import type { ServiceReport } from '../services/report.ts'
import { reportService } from '../services/report.ts'
import { filtersOf, weighersOf } from './filters-and-weighers.ts'
import { goneServers, metadataOf, runningGuests } from './for-hosts.ts'
import { hearNetwork } from './hear-network.ts'
import { hostStarts } from './host-starts.ts'
import { periodicWork } from './periodic-work.ts'
import { PowerSync, powerSyncSeconds } from './power-sync.ts'
import { reportHost } from './report-host.ts'
import { keepsGuests } from './returned-host.ts'
import { sagasWith } from './sagas.ts'

/** Adds the conductor's tasks, and those of plug-ins; before the task engine starts. */
export function addConductorTasks(compute: Compute): void {
  compute.tasks.add(sagasWith(compute.plugins ?? []), { compute })
}

/** Throws ConfigError where options name filters or weighers that there are none of. */
export function checkScheduling(compute: Compute): void {
  filtersOf(compute)
  weighersOf(compute)
}

/** Listens until what it returns is called. */
export async function startConductor(compute: Compute, host: string): Promise<() => Promise<void>> {
  const powerSync = new PowerSync(compute)
  const endReports = await compute.bus.serve<ConductorMethods>(CONDUCTOR_TOPIC, {
    hostStarts: async (start) => {
      await hostStarts(compute, start)
      return { keepsGuests: await keepsGuests(compute, start.host) }
    },
    reportHost: (report) => reportHost(compute, report),
    goneServers: (asked) => goneServers(compute, asked),
    leftGuests: (asked) => leftGuests(compute, asked),
    runningGuests: (asked) => runningGuests(compute, asked),
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
  hearReports(compute.clock)
  const endEvents = await compute.bus.serve<EventMethods>(EVENTS_TOPIC, {
    networkEvent: async (event) => {
      await hearNetwork(compute, event)
      return null
    },
  })
  const periodic = new Periodic(compute.clock, compute.random)
  reportForever(compute, periodic, { host, binary: 'nova-conductor' })
  const leader = new Leader({ store: compute.store, clock: compute.clock, owner: compute.random.uuid() })
  const seconds = powerSyncSeconds(compute.options)
  const comparing = { name: 'compute.sync_power_states', seconds, immediately: seconds > 0, leader }
  periodic.every(comparing, () => powerSync.all())
  for (const { name, seconds, run } of periodicWork)
    periodic.every({ name, seconds: seconds(compute.options), leader }, () => run(compute))
  const endDelivery = startDelivery(compute, leader)
  return async () => {
    await Promise.all([powerSync.stop(), periodic.stop(), endDelivery()])
    await leader.resign()
    await endReports()
    await endEvents()
  }
}

/** The scheduler is the conductor's own: what there is of it as a service is its signs of life. */
export async function startScheduler(compute: Compute, host: string): Promise<() => Promise<void>> {
  const periodic = new Periodic(compute.clock, compute.random)
  reportForever(compute, periodic, { host, binary: 'nova-scheduler' })
  return () => periodic.stop()
}

function reportForever(compute: Compute, periodic: Periodic, report: ServiceReport): void {
  const signs = { name: `${report.binary}.report_state`, seconds: compute.options.report_interval, immediately: true }
  periodic.every(signs, () => reportService(compute, report))
}
