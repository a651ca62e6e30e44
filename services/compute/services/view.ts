// A service's row as the API's newest reply.
import type { Call } from '@kilonova/api/route'
import type { ZoneOf } from '../aggregates/zones.ts'
import type { Compute } from '../compute.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { micros } from '../time.ts'
import { isUp } from './liveness.ts'

export interface Asked {
  compute: Compute
  call: Pick<Call, 'at'>
  zoneOf: ZoneOf
}

export function serviceView({ compute, call, zoneOf }: Asked, row: ServiceRow): object {
  return {
    id: call.at('2.53') ? row.id : row.number,
    binary: row.binary,
    host: row.host,
    zone: row.binary === 'nova-compute' ? zoneOf(row.host) : 'internal',
    status: row.disabled ? 'disabled' : 'enabled',
    state: isUp(compute, row) ? 'up' : 'down',
    updated_at: micros(row.last_seen_at),
    disabled_reason: row.disabled_reason,
    forced_down: row.forced_down === 1,
  }
}
