// Changes a server's metadata where its state allows it.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { quotaOf } from '../quota-limits.ts'
import { getServer, updateServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'

type Metadata = Record<string, string>
const CHANGEABLE = ['active', 'paused', 'suspended', 'stopped']

/** Returns what it is afterwards. */
export function changeMetadata(
  compute: Compute,
  context: RequestContext,
  serverId: string,
  next: (old: Metadata) => Metadata,
): Promise<Metadata> {
  return compute.store.transaction(async () => {
    const row = await getServer(compute, context, serverId)
    if (row.locked_by !== null && !context.isAdmin) throw fault('InstanceIsLocked', { id: serverId })
    if (!CHANGEABLE.includes(row.vm_state)) {
      throw fault('InstanceInvalidState', {
        id: serverId,
        action: 'update metadata',
        attribute: 'vm_state',
        state: row.vm_state,
      })
    }
    const metadata = next(parsed(row.metadata_json))
    const { metadata_items: allowed } = await quotaOf(compute, row.project_id)
    if (allowed >= 0 && Object.keys(metadata).length > allowed) throw fault('MetadataLimit', { allowed })
    await updateServer(compute, serverId, { metadata_json: JSON.stringify(metadata) })
    return metadata
  })
}
