// Whether a service is up: it has reported lately, and nobody forced it down.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ServiceRow } from '../schema/tables.ts'

export function isUp(
  { clock, options }: Pick<Compute, 'clock' | 'options'>,
  service: Pick<ServiceRow, 'last_seen_at' | 'forced_down'>,
): boolean {
  return service.forced_down === 0 && clock.now() - service.last_seen_at <= options.service_down_time * 1000
}

/** Whether the compute service of a host is up. */
export async function isHostUp(compute: Compute, host: string): Promise<boolean> {
  const service = await tables(compute)
    .selectFrom('compute_services')
    .select(['last_seen_at', 'forced_down'])
    .where('host', '=', host)
    .where('binary', '=', 'nova-compute')
    .executeTakeFirst()
  return service !== undefined && isUp(compute, service)
}
