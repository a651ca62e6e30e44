// What services say of themselves: registered once, then seen again and again.
import { isDuplicate } from '@kilonova/store/store'
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'

export interface ServiceReport {
  host: string
  binary: 'nova-compute' | 'nova-conductor' | 'nova-scheduler'
}

/** The service has reported; answers its id. A new compute service starts as `enable_new_services` says. */
export async function reportService(compute: Compute, report: ServiceReport): Promise<string> {
  const known = await touch(compute, report)
  if (known !== undefined) return known
  try {
    return await compute.store.transaction(() => register(compute, report))
  } catch (error) {
    if (!isDuplicate(error)) throw error
    return (await touch(compute, report))!
  }
}

async function touch(compute: Compute, { host, binary }: ServiceReport): Promise<string | undefined> {
  const row = await tables(compute)
    .updateTable('compute_services')
    .set({ last_seen_at: compute.clock.now() })
    .where('host', '=', host)
    .where('binary', '=', binary)
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

async function register(compute: Compute, { host, binary }: ServiceReport): Promise<string> {
  const enabled = binary !== 'nova-compute' || compute.options.enable_new_services
  const now = compute.clock.now()
  const id = compute.random.uuid()
  const row = {
    id,
    number: await nextNumber(compute, 'service'),
    host,
    binary,
    disabled: enabled ? (0 as const) : (1 as const),
    disabled_reason: enabled ? null : 'New compute service disabled due to config option.',
    forced_down: 0 as const,
    last_seen_at: now,
    created_at: now,
  }
  await tables(compute).insertInto('compute_services').values(row).execute()
  return id
}

/** What the host's node has; its row is found by the node's uuid, wherever it reports from. */
export async function reportNode(
  compute: Compute,
  serviceId: string,
  host: string,
  inventory: HostInventory,
): Promise<void> {
  const now = compute.clock.now()
  const columns = {
    service_id: serviceId,
    host,
    hypervisor_hostname: inventory.hypervisorHostname,
    inventory_json: JSON.stringify(inventory),
    updated_at: now,
  }
  await compute.store.transaction(async () => {
    const known = await tables(compute)
      .updateTable('compute_nodes')
      .set(columns)
      .where('id', '=', inventory.uuid)
      .returning('id')
      .executeTakeFirst()
    if (known) return
    const number = await nextNumber(compute, 'node')
    await tables(compute)
      .insertInto('compute_nodes')
      .values({ id: inventory.uuid, number, created_at: now, ...columns })
      .execute()
  })
}
