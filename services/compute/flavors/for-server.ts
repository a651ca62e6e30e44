// The flavor that a request names for a server, as servers keep it.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { FlavorRow } from '../schema/tables.ts'
import { extraSpecsOf, findFlavor } from './store.ts'

/** Throws FlavorInRequestNotFound, also for a disabled flavor and for one that the caller may not see. */
export async function flavorForServer(
  compute: Compute,
  context: RequestContext,
  id: string,
): Promise<GuestFlavor & { id: string }> {
  const row = await findFlavor(compute, context, id)
  if (!row || row.disabled) throw fault('FlavorInRequestNotFound', { id })
  const specs = await extraSpecsOf(compute, [id])
  return { id, ...guestFlavor(row, specs.get(id)!) }
}

export function guestFlavor(row: FlavorRow, extraSpecs: Record<string, string>): GuestFlavor {
  const { name, vcpus, memory_mb: memoryMb, root_gb: rootGb, ephemeral_gb: ephemeralGb, swap_mb: swapMb } = row
  return { name, vcpus, memoryMb, rootGb, ephemeralGb, swapMb, extraSpecs }
}
