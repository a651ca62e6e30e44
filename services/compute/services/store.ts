// The SQL on services.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { unfinishedMigrations } from '../migrations/store.ts'
import { tellOfService } from '../notifications/service-notice.ts'
import type { ServiceRow } from '../schema/tables.ts'

/** In the order in which they first reported. */
export function listServices(
  compute: Pick<Compute, 'store'>,
  { host, binary }: { host?: string | undefined; binary?: string | undefined } = {},
): Promise<ServiceRow[]> {
  let query = tables(compute).selectFrom('compute_services').selectAll()
  if (host) query = query.where('host', '=', host)
  if (binary) query = query.where('binary', '=', binary)
  return query.orderBy('number').execute()
}

/** By uuid, or by the number that stood for it before 2.53. */
export function findService(compute: Compute, id: string | number): Promise<ServiceRow | undefined> {
  const services = tables(compute).selectFrom('compute_services').selectAll()
  const one = typeof id === 'number' ? services.where('number', '=', id) : services.where('id', '=', id)
  return one.executeTakeFirst()
}

export type ServiceUpdate = Partial<Pick<ServiceRow, 'disabled' | 'disabled_reason' | 'forced_down'>>

/** Undefined when there is no such service. */
export function updateService(
  compute: Compute,
  which: { id: string } | { host: string; binary: string },
  update: ServiceUpdate,
): Promise<ServiceRow | undefined> {
  return compute.store.transaction(async () => {
    const services = tables(compute).updateTable('compute_services').set(update)
    const one =
      'id' in which
        ? services.where('id', '=', which.id)
        : services.where('host', '=', which.host).where('binary', '=', which.binary)
    const row = await one.returningAll().executeTakeFirst()
    if (row) await tellOfService(compute, 'update', row)
    return row
  })
}

/** The ids of the service's nodes. */
export async function nodesOf(compute: Compute, serviceId: string): Promise<string[]> {
  const rows = await tables(compute)
    .selectFrom('compute_nodes')
    .select('id')
    .where('service_id', '=', serviceId)
    .execute()
  return rows.map(({ id }) => id)
}

/** Servers that live there, or whose move to or from there is not over. */
export async function hasServers(compute: Compute, host: string): Promise<boolean> {
  const moves = await unfinishedMigrations(compute)
  if (moves.some(({ source_compute, dest_compute }) => source_compute === host || dest_compute === host)) return true
  const server = await tables(compute)
    .selectFrom('compute_servers')
    .select('id')
    .where('host', '=', host)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return server !== undefined
}

/** The service and its nodes; a compute host leaves its aggregates. */
export function removeService(compute: Compute, service: ServiceRow): Promise<void> {
  const { id, host, binary } = service
  return compute.store.transaction(async () => {
    if (binary === 'nova-compute') {
      await tables(compute).deleteFrom('compute_aggregate_hosts').where('host', '=', host).execute()
    }
    await tables(compute).deleteFrom('compute_nodes').where('service_id', '=', id).execute()
    await tables(compute).deleteFrom('compute_services').where('id', '=', id).execute()
    await tellOfService(compute, 'delete', service)
  })
}
