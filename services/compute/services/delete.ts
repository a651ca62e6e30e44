// Forgets a service; a compute service goes with its nodes and their resource providers.
import { isFault } from '@kilonova/base/fault'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { findService, hasServers, nodesOf, removeService } from './store.ts'

/** Throws ServiceNotFound, or ServiceInUse while it has servers. A host that still runs registers itself anew. */
export async function deleteService(compute: Compute, id: string | number): Promise<void> {
  const service = await findService(compute, id)
  if (!service) throw fault('ServiceNotFound', { id: String(id) })
  if (service.binary === 'nova-compute') {
    if (await hasServers(compute, service.host)) throw fault('ServiceInUse', {})
    for (const node of await nodesOf(compute, service.id)) await deleteProvider(compute, node)
  }
  await removeService(compute, service)
}

/** Without a provider nothing new can be placed there, so what was true of the host's servers stays true. */
async function deleteProvider({ placement }: Compute, node: string): Promise<void> {
  try {
    const below = (await placement.providersOfTrees([node])).filter((id) => id !== node)
    for (const id of [...below, node]) await placement.deleteProvider(id)
  } catch (error) {
    if (isFault(error, 'ResourceProviderNotFound')) return
    throw isFault(error, 'ResourceProviderInUse') ? fault('ServiceInUse', {}, error) : error
  }
}
