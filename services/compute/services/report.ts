// What services say of themselves: registered once, then seen again and again.
import { isDeepStrictEqual } from 'node:util'
import { isDuplicate } from '@kilonova/store/store'
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'
import { tellOfService } from '../notifications/service-notice.ts'
import type { AllocationRatios } from './allocation-ratios.ts'
import { reportTime } from './liveness.ts'

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
    .set({ last_seen_at: reportTime(compute.clock) })
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
    last_seen_at: reportTime(compute.clock),
    created_at: now,
  }
  await tables(compute).insertInto('compute_services').values(row).execute()
  await tellOfService(compute, 'create', row)
  return id
}

/** What a host said of itself, with how much of it may be promised; rows written by others lack the ratios. */
export type ReportedInventory = HostInventory & { allocationRatios?: AllocationRatios }

interface NodeReport {
  serviceId: string
  host: string
  inventory: ReportedInventory
}

/** Figures that say what is used just now: nobody reads them from the row, so they alone are no change. */
const PASSING: readonly (keyof HostInventory)[] = ['vcpusUsed', 'memoryMbUsed', 'localGbUsed']

/** What the host's node has; its row is found by the node's uuid, and written when something has changed. */
export async function reportNode(compute: Compute, { serviceId, host, inventory }: NodeReport): Promise<void> {
  const now = compute.clock.now()
  const columns = {
    service_id: serviceId,
    host,
    hypervisor_hostname: inventory.hypervisorHostname,
    inventory_json: JSON.stringify(inventory),
  }
  const known = await tables(compute)
    .selectFrom('compute_nodes')
    .select(['service_id', 'host', 'hypervisor_hostname', 'inventory_json'])
    .where('id', '=', inventory.uuid)
    .executeTakeFirst()
  if (known && isDeepStrictEqual(lasting(known), lasting(columns))) return
  await compute.store.transaction(async () => {
    if (known) {
      const node = tables(compute)
        .updateTable('compute_nodes')
        .set({ ...columns, updated_at: now })
      return void (await node.where('id', '=', inventory.uuid).execute())
    }
    const number = await nextNumber(compute, 'node')
    await tables(compute)
      .insertInto('compute_nodes')
      .values({ id: inventory.uuid, number, created_at: now, updated_at: now, ...columns })
      .execute()
  })
}

function lasting({ inventory_json: inventory, ...columns }: { inventory_json: string }): object {
  const figures = Object.entries(JSON.parse(inventory)).filter(
    ([name]) => !PASSING.includes(name as keyof HostInventory),
  )
  return { ...columns, figures: Object.fromEntries(figures) }
}
