// A consumer of a request's body as what it shall use.
import type { Call } from '@kilonova/api/route'
import type { Placement } from '../placement.ts'
import { requireClasses } from '../resource-classes/store.ts'
import type { Consumption } from './replace.ts'
import type { AskedConsumer } from './schema.ts'

/** Throws ResourceClassUnknown. */
export async function consumptionOf(
  placement: Placement,
  { at }: Pick<Call, 'at'>,
  consumerId: string,
  asked: AskedConsumer,
): Promise<Consumption> {
  const byProvider = Object.entries(asked.allocations).map(([id, { resources }]) => [id, resources] as const)
  await requireClasses(
    placement,
    byProvider.flatMap(([, resources]) => Object.keys(resources)),
  )
  return {
    consumerId,
    projectId: asked.project_id,
    userId: asked.user_id,
    consumerType: asked.consumer_type,
    generation: at('1.28') ? asked.consumer_generation : undefined,
    allocations: Object.fromEntries(byProvider),
  }
}
