// Rebuild: a server's disks are made anew from an image, and it may get another name, key, data and host name.
import { asBoolean } from '@kilonova/api/fields'
import type { Call } from '@kilonova/api/route'
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { keyOf, listed, refuseTooMuch, requireZeroDisk } from './asked.ts'
import { commandServer } from './command.ts'
import { fittingImage } from './image-for-server.ts'
import { refuse } from './lifecycle.ts'
import { newPassword } from './names.ts'
import type { Rebuild } from './schema.ts'
import { getServer, updateServer } from './store.ts'
import type { RebuiltColumns } from './tasks.ts'
import { rebuildServerTask } from './tasks.ts'
import { parsed } from './view.ts'
import { refuseVtpm } from './vtpm.ts'

type RebuildCall = Call<Rebuild>
type Asked = Rebuild['rebuild']

/** The server as it is now called, and its new password. */
export async function rebuildServer(
  compute: Compute,
  call: RebuildCall,
  id: string,
): Promise<{ row: ServerRow; adminPass: string }> {
  const { context, body } = call
  const asked = body.rebuild
  const seen = await getServer(compute, context, id)
  if (asked.trusted_image_certificates !== undefined) {
    call.require('servers:rebuild:trusted_certs', { projectId: seen.project_id })
  }
  refuseVtpm(seen, 'rebuild')
  refuse(seen, 'rebuild', context)
  const { adminPass = newPassword(compute.random) } = asked
  const wanted = await wantedColumns(compute, call, seen)
  await commandServer(compute, context, {
    ...{ id, action: 'rebuild', recorded: 'rebuild', task: rebuildServerTask },
    input: async (row) => {
      const { before, after } = differences(row, wanted)
      await updateServer(compute, id, { ...after, admin_pass: adminPass, files_json: listed(asked.personality) })
      return {
        ran: row.power_state === POWER.RUNNING,
        staysOff: row.vm_state === 'stopped',
        newImage: row.image_id !== asked.imageRef,
        preserveEphemeral: asBoolean(asked.preserve_ephemeral),
        before,
        after,
      }
    },
  })
  return { row: await getServer(compute, context, id), adminPass }
}

/** What the request makes of the row, checked. */
async function wantedColumns(compute: Compute, call: RebuildCall, row: ServerRow): Promise<RebuiltColumns> {
  const { context, body } = call
  const asked = body.rebuild
  const flavor = parsed<GuestFlavor>(row.flavor_json)
  const keys = asked.key_name ? [await keyOf(compute, context, asked.key_name)] : []
  const image = await fittingImage(compute, context, asked.imageRef, flavor)
  await refuseTooMuch(compute, row.project_id, asked)
  if (flavor.rootGb === 0) requireZeroDisk(call)
  return {
    ...imageColumns(row, image),
    ...plainColumns(asked),
    ...(asked.key_name === undefined ? {} : { key_name: asked.key_name, keys_json: JSON.stringify(keys) }),
    ...(asked.metadata === undefined ? {} : { metadata_json: JSON.stringify(asked.metadata) }),
    ...(asked.trusted_image_certificates === undefined
      ? {}
      : { trusted_certs_json: listed(asked.trusted_image_certificates) }),
  }
}

function imageColumns(row: ServerRow, image: GuestImage): RebuiltColumns {
  const needsDrive = image.properties['img_config_drive'] === 'mandatory'
  return {
    image_id: image.id,
    image_json: JSON.stringify(image),
    config_drive: needsDrive ? 1 : row.config_drive,
  }
}

/** Fields that are kept as they are said; null is a value, absence is not. */
function plainColumns(asked: Asked): RebuiltColumns {
  const said = {
    display_name: asked.name,
    description: asked.description,
    hostname: asked.hostname,
    user_data: asked.user_data,
    disk_config: asked['OS-DCF:diskConfig'],
    access_ip_v4: asked.accessIPv4,
    access_ip_v6: asked.accessIPv6,
  }
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined))
}

/** The columns that really change, as they are and as they shall be. */
function differences(row: ServerRow, wanted: RebuiltColumns): { before: RebuiltColumns; after: RebuiltColumns } {
  const changed = (Object.keys(wanted) as (keyof RebuiltColumns)[]).filter((column) => row[column] !== wanted[column])
  const of = (columns: RebuiltColumns): RebuiltColumns =>
    Object.fromEntries(changed.map((column) => [column, columns[column]]))
  return { before: of(row), after: of(wanted) }
}
