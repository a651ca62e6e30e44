// From a request to its candidates: refuses unknown names, loads, chooses.
import { fault } from '../faults.ts'
import type { Placement } from '../placement.ts'
import { requireClasses } from '../resource-classes/store.ts'
import { requireTraits } from '../traits/store.ts'
import { candidatesFor } from './candidates.ts'
import { loadWorld, namedTraits } from './load.ts'
import type { FoundCandidate, Request } from './request.ts'

/** Throws TraitsUnknown or ResourceClassUnknown. */
export async function findCandidates(placement: Placement, request: Request): Promise<FoundCandidate[]> {
  const classes = request.groups.flatMap(({ resources }) => Object.keys(resources))
  if (classes.length === 0) throw fault('BadQuery', { message: 'At least one group of resources is needed.' })
  await requireClasses(placement, classes)
  await requireTraits(placement, namedTraits(request))
  return candidatesFor(await loadWorld(placement, request), request)
}
