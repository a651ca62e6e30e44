// The one place where allocations change: of any number of consumers at once, all of it or nothing.
import { capacityOf, freeOf, takesAmount } from '../capacity.ts'
import type { Allocations } from '../client.ts'
import { fault } from '../faults.ts'
import { inventoriesOf } from '../inventories/store.ts'
import { inParts, type Placement, tables } from '../placement.ts'
import { lockProviders, raiseGenerations } from '../resource-providers/store.ts'
import type { AllocationRow, ConsumerRow, InventoryRow, ResourceProviderRow } from '../schema/tables.ts'

/** All that a consumer shall use from now on; empty allocations: it uses nothing and is forgotten. */
export interface Consumption {
  consumerId: string
  projectId: string
  userId: string
  /** Undefined: stays, or is unknown. */
  consumerType?: string | undefined
  /** The generation that the consumer must have, null if there must be none. Undefined: any. */
  generation?: number | null | undefined
  allocations: Allocations
}

/** What is true of everybody concerned, read under locks. */
interface Present {
  consumers: Map<string, ConsumerRow>
  allocations: AllocationRow[]
  providers: Map<string, ResourceProviderRow>
  inventories: Map<string, InventoryRow>
}

/**
 * Throws NoCapacity, AmountRefused, NoInventory, AllocationProviderUnknown or ConsumerGenerationConflict;
 * then nothing was written, so that the caller's own transaction may go on.
 */
export function replaceAllocations(placement: Placement, asked: readonly Consumption[]): Promise<void> {
  return placement.store.transaction(async () => {
    const present = await lockEverybody(placement, asked)
    for (const consumption of asked) checkGeneration(consumption, present.consumers.get(consumption.consumerId))
    const wanted = asked.flatMap(rowsOf)
    const changes = changesOf(present, wanted)
    for (const change of changes) checkChange(change, present)
    await write(placement, asked, { present, wanted, changes })
  })
}

/** The right to change what these consumers use, until the transaction ends. Taken before that of providers. */
export async function lockConsumers(placement: Placement, ids: readonly string[]): Promise<void> {
  for (const id of ids.toSorted()) await placement.store.lock(`placement.consumer.${id}`)
}

// Consumers first, then providers, each in the order of their ids, so that two callers never wait for each other.
async function lockEverybody(placement: Placement, asked: readonly Consumption[]): Promise<Present> {
  const ids = asked.map(({ consumerId }) => consumerId)
  await lockConsumers(placement, ids)
  const consumers = await inParts(ids, (part) =>
    tables(placement).selectFrom('placement_consumers').selectAll().where('id', 'in', part).execute(),
  )
  const allocations = await inParts(ids, (part) =>
    tables(placement).selectFrom('placement_allocations').selectAll().where('consumer_id', 'in', part).execute(),
  )
  const named = asked.flatMap((consumption) => Object.keys(consumption.allocations))
  const concerned = [...new Set([...named, ...allocations.map(({ provider_id }) => provider_id)])]
  const providers = await lockProviders(placement, concerned)
  const inventories = await inventoriesOf(placement, concerned)
  return {
    consumers: new Map(consumers.map((row) => [row.id, row])),
    allocations,
    providers,
    inventories: new Map(inventories.map((row) => [keyOf(row), row])),
  }
}

const keyOf = ({ provider_id, resource_class }: Pick<AllocationRow, 'provider_id' | 'resource_class'>): string =>
  `${provider_id} ${resource_class}`

function checkGeneration({ consumerId, generation }: Consumption, row: ConsumerRow | undefined): void {
  const found = row?.generation ?? null
  if (generation === undefined || generation === found) return
  throw fault('ConsumerGenerationConflict', { consumer: consumerId, expected: generation, found })
}

function rowsOf({ consumerId, allocations }: Consumption): AllocationRow[] {
  return Object.entries(allocations).flatMap(([provider_id, amounts]) =>
    Object.entries(amounts).map(([resource_class, used]) => ({
      consumer_id: consumerId,
      provider_id,
      resource_class,
      used,
    })),
  )
}

/** What becomes more or less of one inventory. */
interface Change {
  provider_id: string
  resource_class: string
  difference: number
  /** Single amounts that were not there before. */
  newAmounts: number[]
}

function changesOf({ allocations }: Present, wanted: readonly AllocationRow[]): Change[] {
  const before = new Map(allocations.map((row) => [`${row.consumer_id} ${keyOf(row)}`, row.used]))
  const changes = new Map<string, Change>()
  const add = (row: AllocationRow, difference: number): Change => {
    const { provider_id, resource_class } = row
    const change = changes.get(keyOf(row)) ?? { provider_id, resource_class, difference: 0, newAmounts: [] }
    change.difference += difference
    changes.set(keyOf(row), change)
    return change
  }
  for (const row of allocations) add(row, -row.used)
  for (const row of wanted) {
    const change = add(row, row.used)
    if (before.get(`${row.consumer_id} ${keyOf(row)}`) !== row.used) change.newAmounts.push(row.used)
  }
  return [...changes.values()]
}

/** Who asks for no more than before passes, also where the inventory has shrunk under what is used. */
function checkChange({ provider_id, resource_class, difference, newAmounts }: Change, present: Present): void {
  const at = { provider: provider_id, class: resource_class }
  if (!present.providers.has(provider_id)) throw fault('AllocationProviderUnknown', at)
  const inventory = present.inventories.get(keyOf({ provider_id, resource_class }))
  if (!inventory) throw fault('NoInventory', at)
  if (difference > 0 && inventory.used + difference > capacityOf(inventory)) {
    throw fault('NoCapacity', { ...at, asked: difference, free: Math.max(0, freeOf(inventory)) })
  }
  const refused = newAmounts.find((amount) => !takesAmount(inventory, amount))
  if (refused !== undefined) throw fault('AmountRefused', { ...at, asked: refused })
}

interface Writing {
  present: Present
  wanted: AllocationRow[]
  changes: Change[]
}

async function write(
  placement: Placement,
  asked: readonly Consumption[],
  { present, wanted, changes }: Writing,
): Promise<void> {
  const db = tables(placement)
  for (const { provider_id, resource_class, difference } of changes) {
    if (difference === 0) continue
    await db
      .updateTable('placement_inventories')
      .set((eb) => ({ used: eb('used', '+', difference) }))
      .where('provider_id', '=', provider_id)
      .where('resource_class', '=', resource_class)
      .execute()
  }
  const had = [...new Set(present.allocations.map(({ consumer_id }) => consumer_id))]
  await inParts(had, (part) => db.deleteFrom('placement_allocations').where('consumer_id', 'in', part).execute())
  if (wanted.length > 0) await db.insertInto('placement_allocations').values(wanted).execute()
  await raiseGenerations(placement, [...new Set(changes.map(({ provider_id }) => provider_id))])
  for (const consumption of asked) await writeConsumer(placement, consumption)
}

async function writeConsumer(placement: Placement, consumption: Consumption): Promise<void> {
  const { consumerId: id, projectId: project_id, userId: user_id, consumerType, allocations } = consumption
  if (Object.keys(allocations).length === 0) {
    await tables(placement).deleteFrom('placement_consumers').where('id', '=', id).execute()
    return
  }
  const now = placement.clock.now()
  const type = consumerType === undefined ? {} : { consumer_type: consumerType }
  await tables(placement)
    .insertInto('placement_consumers')
    .values({ id, project_id, user_id, consumer_type: null, ...type, generation: 1, created_at: now, updated_at: now })
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet((eb) => ({
        project_id,
        user_id,
        ...type,
        generation: eb('placement_consumers.generation', '+', 1),
        updated_at: now,
      })),
    )
    .execute()
}
