// The routes of availability zones.
import { zonesOfHosts } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import { route } from '../route.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { isUp } from '../services/liveness.ts'
import { listServices } from '../services/store.ts'
import { micros } from '../time.ts'
import { zonesOf } from './store.ts'

interface Zone {
  zoneName: string
  zoneState: { available: boolean }
  hosts: Record<string, Record<string, object>> | null
}

/** Available while one of its services is enabled; what runs on its hosts is told of available zones alone. */
function zoneView(compute: Compute, name: string, services: ServiceRow[], detail: boolean): Zone {
  const enabled = services.filter((row) => !row.disabled)
  const available = enabled.length > 0
  return { zoneName: name, zoneState: { available }, hosts: detail && available ? hostsView(compute, enabled) : null }
}

/** Each zone with the services of its hosts. */
async function zoneViews(compute: Compute, services: ServiceRow[], detail: boolean): Promise<Zone[]> {
  const zoneOf = await zonesOfHosts(compute)
  const names = await zonesOf(compute, services)
  return names.map((name) => {
    const inside = services.filter(({ host }) => zoneOf(host) === name)
    return zoneView(compute, name, inside, detail)
  })
}

function hostsView(compute: Compute, services: ServiceRow[]): Zone['hosts'] {
  const hosts: NonNullable<Zone['hosts']> = {}
  for (const row of services) {
    const available = isUp(compute, row)
    hosts[row.host] = {
      ...hosts[row.host],
      [row.binary]: { active: true, available, updated_at: micros(row.last_seen_at) },
    }
  }
  return hosts
}

const COMPUTE = 'nova-compute'

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
      const zones = await zoneViews(compute, services, false)
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
      const zones = await zoneViews(compute, hosted, true)
      const internal = others.length > 0 ? [zoneView(compute, 'internal', others, true)] : []
      return { availabilityZoneInfo: availableFirst([...internal, ...zones]) }
    },
  }),
]
