// The routes of availability zones.

import type { Compute } from '../compute.ts'
import { route } from '../route.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { isUp } from '../services/liveness.ts'
import { listServices } from '../services/store.ts'
import { micros } from '../time.ts'
import { availabilityZones } from './store.ts'

interface Zone {
  zoneName: string
  zoneState: { available: boolean }
  hosts: Record<string, Record<string, object>> | null
}

const COMPUTE = 'nova-compute'

/** A zone with compute services is available while one of them is enabled. */
function zoneView(name: string, services: ServiceRow[]): Zone {
  return { zoneName: name, zoneState: { available: services.some((row) => !row.disabled) }, hosts: null }
}

function withHosts(compute: Compute, zone: Zone, services: ServiceRow[]): Zone {
  const hosts: Zone['hosts'] = {}
  for (const row of services) {
    hosts[row.host] ??= {}
    hosts[row.host]![row.binary] = {
      active: !row.disabled,
      available: isUp(compute, row),
      updated_at: micros(row.last_seen_at),
    }
  }
  return { ...zone, hosts }
}

/** Available ones first, as Nova lists them. */
function availableFirst(zones: Zone[]): Zone[] {
  return zones.toSorted((a, b) => Number(b.zoneState.available) - Number(a.zoneState.available))
}

export const availabilityZoneRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/os-availability-zone',
    policy: 'os-availability-zone:list',
    success: 200,
    handler: async (compute) => {
      const services = await listServices(compute, { binary: COMPUTE })
      const zones = (await availabilityZones(compute)).map((name) => zoneView(name, services))
      return { availabilityZoneInfo: availableFirst(zones) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/os-availability-zone/detail',
    policy: 'os-availability-zone:detail',
    success: 200,
    handler: async (compute) => {
      const services = await listServices(compute)
      const hosted = services.filter((row) => row.binary === COMPUTE)
      const others = services.filter((row) => row.binary !== COMPUTE)
      const zones = (await availabilityZones(compute)).map((name) => withHosts(compute, zoneView(name, hosted), hosted))
      const internal = others.length > 0 ? [withHosts(compute, zoneView('internal', others), others)] : []
      return { availabilityZoneInfo: availableFirst([...internal, ...zones]) }
    },
  }),
]
