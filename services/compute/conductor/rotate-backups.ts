// Of the backups of a server and type the newest are kept, as many as was asked for.
import type { RequestContext } from '@kilonova/base/context'
import { elevated } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import type { BackupServer } from '../servers/tasks.ts'
import { dropImage } from './discard-image.ts'

/** Only those of the project that made the newest: what others call a backup of the server does not count. */
export async function rotateBackups(
  compute: Compute,
  context: RequestContext,
  { serverId, imageId, backupType, rotation }: BackupServer,
): Promise<void> {
  const filters = { image_type: 'backup', backup_type: backupType, instance_uuid: serverId }
  const found = await compute.image.list(elevated(context), filters)
  const backups = found.filter(({ owner }) => owner === context.projectId)
  const isNewest = ({ id }: { id: string }): number => (id === imageId ? 1 : 0)
  const newestFirst = backups.toSorted((a, b) => isNewest(b) - isNewest(a) || b.created_at - a.created_at)
  for (const { id } of newestFirst.slice(rotation)) {
    await dropImage(compute, context, id).catch((error) =>
      log('compute.images').warn({ server_id: serverId, image_id: id }, `an old backup stays: ${errorChain(error)}`),
    )
  }
}
