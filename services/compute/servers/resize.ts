// resize, migrate, confirmResize and revertResize: what is refused, and the record of the move that the tasks go by.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestDisk, GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { IMAGES_TYPE_SPEC } from '../disk-words.ts'
import { fault } from '../faults.ts'
import { flavorForServer } from '../flavors/for-server.ts'
import { isolatedRole } from '../isolated-role.ts'
import type { Side } from '../migrations/side.ts'
import { sideOf } from '../migrations/side.ts'
import type { MigrationStatus } from '../migrations/status.ts'
import { insertMigration, unfinishedOf, updateMigration } from '../migrations/store.ts'
import { checkServerQuota } from '../quota-sets/check.ts'
import type { MigrationRow, ServerRow } from '../schema/tables.ts'
import { isForcedDown, isHostUp } from '../services/liveness.ts'
import { commandServer } from './command.ts'
import { updateServer } from './store.ts'
import type { EndMove, MoveServer } from './tasks.ts'
import { confirmResizeTask, migrateServerTask, resizeServerTask, revertResizeTask } from './tasks.ts'
import { parsed } from './view.ts'

const GB = 1024 ** 3

export interface Resize {
  id: string
  flavorId: string
  diskConfig?: 'AUTO' | 'MANUAL' | undefined
}

export function resizeServer(compute: Compute, context: RequestContext, asked: Resize): Promise<ServerRow> {
  const { id, flavorId, diskConfig } = asked
  return commandServer<MoveServer>(compute, context, {
    ...{ id, action: 'resize', recorded: 'resize', task: resizeServerTask },
    input: async (row) => {
      const flavor = await flavorForServer(compute, context, flavorId)
      if (row.flavor_id === flavor.id) throw fault('CannotResizeToSameFlavor', {})
      refuseFlavor(row, flavor)
      await refuseMove(compute, row)
      await checkIncrease(compute, row, flavor)
      if (diskConfig) await updateServer(compute, id, { disk_config: diskConfig })
      return { migrationId: await begin(compute, context, { row, flavor, type: 'resize' }), onto: null }
    },
  })
}

export interface Migrate {
  id: string
  /** The one host that it may go to; null: any. */
  host: string | null
}

export function migrateServer(compute: Compute, context: RequestContext, { id, host }: Migrate): Promise<ServerRow> {
  return commandServer<MoveServer>(compute, context, {
    ...{ id, action: 'migrate', recorded: 'migrate', task: migrateServerTask },
    input: async (row) => {
      if (host !== null) await refuseHost(compute, row, host)
      await refuseMove(compute, row)
      const flavor = { id: row.flavor_id, ...parsed<GuestFlavor>(row.flavor_json) }
      return { migrationId: await begin(compute, context, { row, flavor, type: 'migration' }), onto: host }
    },
  })
}

export function confirmResize(compute: Compute, context: RequestContext, id: string): Promise<ServerRow> {
  return commandServer<EndMove>(compute, context, {
    ...{ id, action: 'confirmResize', recorded: 'confirmResize', task: confirmResizeTask },
    input: async (row) => ({ migrationId: (await ending(compute, row, 'confirming')).uuid }),
  })
}

/** Of a server that an admin has brought out of the state in which its user could: what it was is given up. */
export function confirmLeftResize(compute: Compute, context: RequestContext, id: string): Promise<ServerRow> {
  return commandServer<EndMove>(compute, context, {
    ...{ id, action: 'confirmLeft', recorded: 'confirmResize', task: confirmResizeTask },
    input: async (row) => ({ migrationId: (await ending(compute, row, 'confirming')).uuid }),
  })
}

export function revertResize(compute: Compute, context: RequestContext, id: string): Promise<ServerRow> {
  return commandServer<EndMove>(compute, context, {
    ...{ id, action: 'revertResize', recorded: 'revertResize', task: revertResizeTask },
    input: async (row) => {
      const migration = await ending(compute, row, 'reverting')
      if (!(await isHostUp(compute, migration.source_compute))) throw fault('ServiceUnavailable', {})
      // A host that merely does not answer may still run the guest: two of them must never run.
      const safe = (await isHostUp(compute, row.host!)) || (await isForcedDown(compute, row.host!))
      if (!safe) throw fault('ServiceUnavailable', {})
      return { migrationId: migration.uuid }
    },
  })
}

/** Marks the finished move of a server; throws when there is none, or what it was is being given up already. */
async function ending(compute: Compute, row: ServerRow, status: MigrationStatus): Promise<MigrationRow> {
  const migration = await unfinishedOf(compute, row.id)
  if (!migration) throw fault('NotResized', {})
  const again = status === 'confirming' && migration.status === 'confirming'
  if (migration.status !== 'finished' && !again) throw movedAlready(row, migration, 'revertResize')
  await updateMigration(compute, migration.uuid, { status })
  return migration
}

const movedAlready = ({ id }: ServerRow, { status: state }: MigrationRow, action: string) =>
  fault('InstanceInvalidState', { id, action, attribute: 'migration status', state })

interface Begun {
  row: ServerRow
  flavor: GuestFlavor & { id: string }
  type: 'resize' | 'migration'
}

async function begin(compute: Compute, context: RequestContext, { row, flavor, type }: Begun): Promise<string> {
  const uuid = compute.random.uuid()
  const { id: flavorId, ...guestFlavor } = flavor
  const before = sideOf(row)
  const after: Side = { ...before, host: null, node: null, zone: null, flavorId, flavor: guestFlavor }
  await insertMigration(compute, {
    ...{ uuid, type, serverId: row.id, userId: context.userId, projectId: context.projectId },
    before: { ...before, host: row.host!, node: row.node! },
    ...{ after, oldVmState: row.vm_state },
  })
  return uuid
}

/** Disks never shrink, and the image still fits. */
function refuseFlavor(row: ServerRow, flavor: GuestFlavor): void {
  if (isolatedRole(flavor.extraSpecs)) throw fault('CannotResizeDisk', { why: 'A whole device cannot be copied to.' })
  const image = row.image_json === null ? null : parsed<GuestImage>(row.image_json)
  const before = parsed<GuestFlavor>(row.flavor_json)
  const disks = parsed<GuestDisk[]>(row.disks_json)
  const root = disks.find(({ role }) => role === 'root')
  refuseOtherType(root, flavor)
  if (image) {
    if (flavor.rootGb === 0 && before.rootGb !== 0) {
      throw fault('CannotResizeDisk', { why: 'Resize to zero disk flavor is not allowed.' })
    }
    const shrinks = flavor.rootGb > 0 && root?.device === 'disk' && flavor.rootGb * GB < root.size
    if (flavor.rootGb < before.rootGb || shrinks) throw fault('CannotResizeDisk', { why: SHRINKS })
    if (image.minRam > flavor.memoryMb) throw fault('FlavorMemoryTooSmall', {})
    if (flavor.rootGb > 0 && image.minDisk > flavor.rootGb) {
      throw fault('FlavorDiskTooSmall', { flavorGb: flavor.rootGb, imageGb: image.minDisk })
    }
  }
  const ephemeral = disks.reduce((sum, { role, size }) => (role === 'ephemeral' ? sum + size : sum), 0)
  if (flavor.ephemeralGb * GB < ephemeral) throw fault('CannotResizeDisk', { why: SHRINKS })
}

/** Disks stay what they were made as. */
function refuseOtherType(root: GuestDisk | undefined, { extraSpecs }: GuestFlavor): void {
  const { [IMAGES_TYPE_SPEC]: asked } = extraSpecs
  if (asked === undefined || root?.device !== 'disk' || root.backend === asked) return
  throw fault('CannotResizeDisk', {
    why: `The server's disks are ${root.backend} and stay so; the flavor is for ${asked}.`,
  })
}

const SHRINKS = 'Unable to resize disk down.'

/** What stands in the way of any move. */
async function refuseMove(compute: Compute, row: ServerRow): Promise<void> {
  if (!(await isHostUp(compute, row.host!))) throw fault('ServiceUnavailable', {})
  const whole = parsed<GuestDisk[]>(row.disks_json).find(({ backend }) => backend === 'isolated')
  if (whole) throw fault('IsolatedDiskCannotMove', { id: row.id, disk: whole.target })
  const unfinished = await unfinishedOf(compute, row.id)
  if (unfinished) throw movedAlready(row, unfinished, 'resize')
}

async function refuseHost(compute: Compute, row: ServerRow, host: string): Promise<void> {
  if (host === row.host) throw fault('CannotMigrateToSameHost', {})
  const node = tables(compute).selectFrom('compute_nodes').select('id').where('host', '=', host)
  if (!(await node.executeTakeFirst())) throw fault('ComputeHostInRequestNotFound', { host })
}

/** Only what it becomes larger by counts. */
async function checkIncrease(compute: Compute, row: ServerRow, flavor: GuestFlavor): Promise<void> {
  const before = parsed<GuestFlavor>(row.flavor_json)
  await compute.store.lock(`quota:${row.project_id}`)
  await checkServerQuota(compute, row.project_id, {
    instances: 0,
    cores: Math.max(0, flavor.vcpus - before.vcpus),
    ram: Math.max(0, flavor.memoryMb - before.memoryMb),
  })
}
