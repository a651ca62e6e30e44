// What is used: of providers, from the counters in their inventories.
import type { Amounts } from '../client.ts'
import { inventoriesOf } from '../inventories/store.ts'
import { type Placement, tables } from '../placement.ts'

/** By resource class of the provider's inventories, zero for unused ones. */
export async function usagesOfProvider(placement: Placement, id: string): Promise<Amounts> {
  const rows = await inventoriesOf(placement, [id])
  return Object.fromEntries(rows.map(({ resource_class, used }) => [resource_class, used]))
}

export interface UsageFilter {
  projectId: string
  userId?: string | undefined
  /** 'unknown' for consumers without one. */
  consumerType?: string | undefined
}

export interface UsageOfType {
  consumers: number
  amounts: Amounts
}

/** What a project uses, by consumer type. */
export async function usagesOfProject(placement: Placement, filter: UsageFilter): Promise<Map<string, UsageOfType>> {
  const { projectId, userId, consumerType } = filter
  const consumers = tables(placement)
    .selectFrom('placement_consumers as consumer')
    .where('consumer.project_id', '=', projectId)
    .$if(userId !== undefined, (query) => query.where('consumer.user_id', '=', userId!))
    .$if(consumerType === 'unknown', (query) => query.where('consumer.consumer_type', 'is', null))
    .$if(consumerType !== undefined && consumerType !== 'unknown', (query) =>
      query.where('consumer.consumer_type', '=', consumerType!),
    )
  const counts = await consumers
    .select(['consumer.consumer_type', (eb) => eb.fn.countAll<number>().as('consumers')])
    .groupBy('consumer.consumer_type')
    .execute()
  const sums = await consumers
    .innerJoin('placement_allocations as allocation', 'allocation.consumer_id', 'consumer.id')
    .select(['consumer.consumer_type', 'allocation.resource_class'])
    .select((eb) => eb.fn.sum<number>('allocation.used').as('used'))
    .groupBy(['consumer.consumer_type', 'allocation.resource_class'])
    .orderBy('allocation.resource_class')
    .execute()
  return new Map(
    counts.map(({ consumer_type, consumers: count }) => {
      const own = sums.filter((sum) => sum.consumer_type === consumer_type)
      const amounts = Object.fromEntries(own.map(({ resource_class, used }) => [resource_class, Number(used)]))
      return [consumer_type ?? 'unknown', { consumers: Number(count), amounts }]
    }),
  )
}
