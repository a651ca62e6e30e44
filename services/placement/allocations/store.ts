// Allocations and their consumers, as they are.
import type { Allocations, Amounts } from '../client.ts'
import { type Placement, tables } from '../placement.ts'
import type { AllocationRow, ConsumerRow } from '../schema/tables.ts'

export function consumerOf(placement: Placement, id: string): Promise<ConsumerRow | undefined> {
  return tables(placement).selectFrom('placement_consumers').selectAll().where('id', '=', id).executeTakeFirst()
}

/** Empty for an unknown consumer. */
export async function allocationsOf(placement: Placement, consumerId: string): Promise<Allocations> {
  const rows = await tables(placement)
    .selectFrom('placement_allocations')
    .selectAll()
    .where('consumer_id', '=', consumerId)
    .orderBy('provider_id')
    .orderBy('resource_class')
    .execute()
  return byProvider(rows)
}

export interface ConsumerOfProvider {
  generation: number
  resources: Amounts
}

/** By consumer: what it uses of this provider. */
export async function consumersOfProvider(
  placement: Placement,
  providerId: string,
): Promise<Map<string, ConsumerOfProvider>> {
  const rows = await tables(placement)
    .selectFrom('placement_allocations as allocation')
    .innerJoin('placement_consumers as consumer', 'consumer.id', 'allocation.consumer_id')
    .select(['consumer.id', 'consumer.generation', 'allocation.resource_class', 'allocation.used'])
    .where('allocation.provider_id', '=', providerId)
    .orderBy('consumer.id')
    .orderBy('allocation.resource_class')
    .execute()
  const consumers = [...Map.groupBy(rows, ({ id }) => id)]
  return new Map(
    consumers.map(([id, own]) => {
      const resources = Object.fromEntries(own.map(({ resource_class, used }) => [resource_class, used]))
      return [id, { generation: own[0]!.generation, resources }]
    }),
  )
}

/** By consumer. */
export async function allAllocations(placement: Placement): Promise<Map<string, Allocations>> {
  const rows = await tables(placement).selectFrom('placement_allocations').selectAll().execute()
  const consumers = Map.groupBy(rows, ({ consumer_id }) => consumer_id)
  return new Map([...consumers].map(([id, own]) => [id, byProvider(own)]))
}

function byProvider(rows: readonly AllocationRow[]): Allocations {
  const allocations: Allocations = {}
  for (const { provider_id, resource_class, used } of rows) {
    const amounts = allocations[provider_id] ?? {}
    amounts[resource_class] = used
    allocations[provider_id] = amounts
  }
  return allocations
}
