// createImage and createBackup: an image is recorded, and a task fills it from the server's root disk.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { commandServer } from './command.ts'
import { newSnapshotImage } from './snapshot-image.ts'
import { backupServerTask, snapshotServerTask } from './tasks.ts'

export interface NewImage {
  name: string
  metadata?: Record<string, string> | undefined
}

/** Answers the image's id. */
export async function createImage(
  compute: Compute,
  context: RequestContext,
  id: string,
  { name, metadata = {} }: NewImage,
): Promise<string> {
  let imageId = ''
  await commandServer(compute, context, {
    ...{ id, action: 'createImage', recorded: 'createImage', task: snapshotServerTask },
    input: async (row) => {
      imageId = await newSnapshotImage(compute, context, row, { name, type: 'snapshot', metadata })
      return { imageId }
    },
  })
  return imageId
}

export interface NewBackup extends NewImage {
  /** Such as `daily`. */
  backupType: string
  rotation: number
}

/** Answers the image's id. */
export async function createBackup(
  compute: Compute,
  context: RequestContext,
  id: string,
  { name, metadata = {}, backupType, rotation }: NewBackup,
): Promise<string> {
  let imageId = ''
  await commandServer(compute, context, {
    ...{ id, action: 'createBackup', recorded: 'createBackup', task: backupServerTask },
    input: async (row) => {
      if (row.image_json === null) throw fault('VolumeBackedBackup', {})
      const properties = { image_type: 'backup', backup_type: backupType, instance_uuid: id }
      imageId = await newSnapshotImage(compute, context, row, { name, type: 'backup', metadata, properties })
      return { imageId, backupType, rotation }
    },
  })
  return imageId
}
