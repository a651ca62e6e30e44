// Placement's trait of nodes whose compute service is disabled.
import type { Compute } from '../compute.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { nodesOf } from './store.ts'

export const DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED'

/** Nodes that placement does not know yet are marked when their host reports. */
export async function markDisabled(compute: Compute, { id, disabled }: ServiceRow): Promise<void> {
  const wanted = disabled === 1
  for (const [nodeId, { traits }] of await compute.placement.summaries(await nodesOf(compute, id))) {
    if (traits.includes(DISABLED_TRAIT) === wanted) continue
    const others = traits.filter((trait) => trait !== DISABLED_TRAIT)
    await compute.placement.setTraits(nodeId, wanted ? [...others, DISABLED_TRAIT] : others)
  }
}
