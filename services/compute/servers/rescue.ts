// Rescue: a server boots from another image with its own disks beside it; unrescue: from its own again.
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { ImageInfo } from '@kilonova/image/client'
import type { GuestImage, GuestRescue } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { commandServer } from './command.ts'
import { guestImage } from './image-for-server.ts'
import { refuse } from './lifecycle.ts'
import { newPassword } from './names.ts'
import { getServer, updateServer } from './store.ts'
import { rescueServerTask, unrescueServerTask } from './tasks.ts'
import { parsed } from './view.ts'
import { refuseVtpm } from './vtpm.ts'

export interface AskedRescue {
  adminPass?: string | undefined
  /** The image to boot from; absent: the cloud's, or the server's own. */
  rescue_image_ref?: string | undefined
}

/** Answers the password of the rescued server. */
export async function rescueServer(
  compute: Compute,
  context: RequestContext,
  id: string,
  { adminPass = newPassword(compute.random), rescue_image_ref: asked }: AskedRescue,
): Promise<string> {
  const seen = await getServer(compute, context, id)
  refuseVtpm(seen, 'rescue')
  refuse(seen, 'rescue', context)
  const image = await rescueImage(compute, context, seen, asked)
  await commandServer(compute, context, {
    ...{ id, action: 'rescue', recorded: 'rescue', task: rescueServerTask },
    input: async (row) => {
      const rescue: GuestRescue = { image, disks: [] }
      await updateServer(compute, id, { rescue_json: JSON.stringify(rescue), admin_pass: adminPass })
      return {
        ran: row.power_state === POWER.RUNNING,
        rescueImage: asked ?? null,
        leftover: row.rescue_json !== null,
      }
    },
  })
  return adminPass
}

export function unrescueServer(compute: Compute, context: RequestContext, id: string): Promise<ServerRow> {
  const command = { id, action: 'unrescue', recorded: 'unrescue', task: unrescueServerTask } as const
  return commandServer(compute, context, { ...command, input: () => ({}) })
}

/** The image asked for, else that of the options, else what the server's own was made from, else its own. */
async function rescueImage(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  asked: string | undefined,
): Promise<GuestImage> {
  const named = asked ?? (compute.options.rescue_image_id || undefined)
  if (named !== undefined) {
    const image = await active(compute, context, named)
    if (!image) throw fault('UnsupportedRescueImage', { image: named })
    return guestImage(image)
  }
  if (row.image_json === null) throw fault('UnsupportedRescueImage', { image: '' })
  const own = parsed<GuestImage>(row.image_json)
  const { base_image_ref: base } = own.properties
  const image = base === undefined ? undefined : await active(compute, context, base)
  return image ? guestImage(image) : own
}

/** The image if the caller can see it and it can be booted. */
async function active(compute: Compute, context: RequestContext, id: string): Promise<ImageInfo | undefined> {
  try {
    const image = await compute.image.show(context, id)
    return image.status === 'active' ? image : undefined
  } catch (error) {
    if (isFault(error) && error.status === 404) return undefined
    throw error
  }
}
