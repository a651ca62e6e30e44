// POST /servers: everything is checked, then rows and tasks are written as one transaction.
import { asBoolean } from '@kilonova/api/fields'
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { PlannedNic } from '@kilonova/network/client'
import type { GuestFlavor, GuestImage, GuestKey } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { nextNumber, tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { flavorForServer } from '../flavors/for-server.ts'
import type { ServerPlan } from '../plugin.ts'
import { checkServerQuota } from '../quota-sets/check.ts'
import type { ServerGroupRow, ServerRow } from '../schema/tables.ts'
import { hintedGroup, joinGroup } from '../server-groups/members.ts'
import { keyOf, listed, refuseTooMuch, requireZeroDisk } from './asked.ts'
import { insertBlockDevices } from './block-device-store.ts'
import type { NewBlockDevice } from './block-devices.ts'
import { askedBlockDevices } from './block-devices.ts'
import { extendedPlan } from './extended-plan.ts'
import type { Fit } from './fitting-block-devices.ts'
import { refuseMisfits } from './fitting-block-devices.ts'
import { imageForServer } from './image-for-server.ts'
import { startAction } from './instance-action.ts'
import { hostnameOf, newPassword, newReservationId } from './names.ts'
import type { ServerNetwork } from './networks.ts'
import type { CreateServer, NewServer } from './schema.ts'
import type { ServerId } from './server-id.ts'
import { buildServerTask } from './tasks.ts'
import { insertServer } from './write-server.ts'
import type { Zone } from './zone.ts'
import { zoneOf } from './zone.ts'

type CreateCall = Call<CreateServer>

/** What the request asks for, checked. */
interface Plan {
  asked: NewServer
  hints: Record<string, unknown>
  group: ServerGroupRow | null
  min: number
  max: number
  flavor: GuestFlavor & { id: string }
  image: GuestImage
  devices: NewBlockDevice[]
  zone: Zone
  keys: GuestKey[]
  nics: PlannedNic[]
  /** A network is to be made when the project has none. */
  isAuto: boolean
  securityGroups: string[]
  metadata: Record<string, string>
  /** What plug-ins keep with each server, by their names. */
  kept: Record<string, unknown>
  adminPass: string
}

/** All of them or none. */
export function createServers(compute: Compute, context: RequestContext, plan: Plan): Promise<ServerRow[]> {
  return compute.store.transaction(async () => {
    const count = await grantedCount(compute, context, plan)
    refuseMisfits(plan.devices, fitOf(compute, plan))
    const nics = await settledNics(compute, context, plan)
    const made: ServerRow[] = []
    const reservation = newReservationId(compute.random)
    for (let index = 0; index < count; index++)
      made.push(await insertOne(compute, context, { ...plan, nics }, { index, reservation }))
    const ids = made.map(({ id }) => id)
    if (plan.group) await joinGroup(compute, plan.group, ids)
    return made
  })
}

/** Everything that can be refused before anything is written. */
export async function planOf(compute: Compute, call: CreateCall): Promise<Plan> {
  const { context, body } = call
  const asked = body.server
  const { min, max } = countsOf(asked)
  const devices = askedBlockDevices(asked)
  if (devices.length > 0) call.require('servers:create:attach_volume')
  const flavor = await flavorForServer(compute, context, String(asked.flavorRef))
  const image = await imageForServer(compute, context, { imageRef: asked.imageRef, devices, flavor })
  if (flavor.rootGb === 0) requireZeroDisk(call)
  const zone = await zoneOf(compute, call, asked)
  const plan = await extendedPlan(compute, {
    ...{ call, server: asked, flavor, image, count: { min, max } },
    plan: planFrom(body),
  })
  const { hints, metadata, kept } = plan
  refuseWhatIsPerServer(plan.networks, max)
  await refuseTooMuch(compute, context.projectId ?? '', { ...asked, metadata })
  if (asked.trusted_image_certificates) call.require('servers:create:trusted_certs')
  const keys = asked.key_name === undefined ? [] : [await keyOf(compute, context, asked.key_name)]
  const securityGroups = [...new Set(plan.securityGroups)]
  await compute.network.validateSecurityGroups(context, securityGroups)
  const nics = await compute.network.validateRequested(context, plan.networks, { count: max })
  return {
    asked,
    hints,
    group: await hintedGroup(compute, context, hints),
    min,
    max,
    flavor,
    image,
    devices,
    zone,
    keys,
    nics,
    isAuto: plan.networks === 'auto',
    securityGroups,
    metadata,
    kept,
    adminPass: asked.adminPass ?? newPassword(compute.random),
  }
}

/** What the request alone comes to. */
function planFrom({ server, ...body }: CreateServer): ServerPlan {
  return {
    networks: networksOf(server),
    metadata: { ...server.metadata },
    hints: { ...(body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints']) },
    securityGroups: (server.security_groups ?? []).flatMap(({ name }) => name ?? []),
  }
}

function countsOf(asked: NewServer): { min: number; max: number } {
  const min = Number(asked.min_count ?? 1)
  const max = Number(asked.max_count ?? min)
  if (min > max) throw fault('BadRequest', { message: 'min_count must be <= max_count' })
  return { min, max }
}

function refuseWhatIsPerServer(networks: ServerPlan['networks'], max: number): void {
  if (!Array.isArray(networks)) return
  if (networks.some(({ portId, fixedIp }) => portId !== undefined && fixedIp !== undefined)) {
    throw fault('BadRequest', {
      message: 'Specified Fixed IP cannot be used with a port: the port has its own addresses.',
    })
  }
  if (max === 1) return
  if (networks.some(({ fixedIp }) => fixedIp !== undefined)) {
    throw fault('BadRequest', {
      message: 'Invalid fixed_ip: one address cannot be given to several servers (max_count > 1).',
    })
  }
  if (networks.some(({ portId }) => portId !== undefined)) {
    throw fault('BadRequest', { message: 'Unable to launch multiple instances with a single configured port ID.' })
  }
}

function networksOf({ networks }: NewServer) {
  if (networks === undefined) return null
  if (typeof networks === 'string') return networks
  return networks.map(({ uuid, port, fixed_ip, tag }) => ({
    ...(uuid === undefined ? {} : { networkId: uuid }),
    ...(port ? { portId: port } : {}),
    ...(fixed_ip === undefined ? {} : { fixedIp: fixed_ip }),
    ...(tag === undefined ? {} : { tag }),
  }))
}

/** As many servers as the quota has room for, at least the minimum. Inside the transaction that makes them. */
async function grantedCount(
  compute: Compute,
  { projectId }: RequestContext,
  { min, max, flavor }: Plan,
): Promise<number> {
  await compute.store.lock(`quota:${projectId}`)
  for (let count = max; ; count--) {
    try {
      await checkServerQuota(compute, projectId ?? '', {
        instances: count,
        cores: count * flavor.vcpus,
        ram: count * flavor.memoryMb,
      })
      return count
    } catch (error) {
      if (count <= min) throw error
    }
  }
}

const fitOf = ({ options }: Compute, { flavor, image }: Plan): Fit => ({
  ...{ flavor, imageId: image.id, most: options.max_local_block_devices },
})

/** A network that is made for the servers is made with them. */
async function settledNics(compute: Compute, context: RequestContext, { nics, isAuto }: Plan): Promise<PlannedNic[]> {
  return isAuto && nics.length === 0 ? [await compute.network.autoAllocatedNic(context)] : nics
}

interface Nth {
  index: number
  reservation: string
}

async function insertOne(compute: Compute, context: RequestContext, plan: Plan, nth: Nth): Promise<ServerRow> {
  const row = await rowOf(compute, context, plan, nth)
  await insertServer(compute, row)
  await insertBlockDevices(compute, row.id, plan.devices)
  const spec = { server_id: row.id, spec_json: JSON.stringify(requestSpecOf(row, plan)) }
  await tables(compute).insertInto('compute_request_specs').values(spec).execute()
  await startAction(compute, context, row.id, 'create')
  const input = { serverId: row.id as ServerId, excluded: [], ...plan.zone.target }
  await compute.tasks.enqueue(buildServerTask, { input, context })
  return row
}

async function rowOf(
  compute: Compute,
  context: RequestContext,
  plan: Plan,
  { index, reservation }: Nth,
): Promise<ServerRow> {
  const { asked, flavor, image, zone } = plan
  const id = compute.random.uuid()
  const name = plan.max > 1 ? `${asked.name}-${index + 1}` : asked.name
  const now = compute.clock.now()
  const { id: flavorId, ...guestFlavor } = flavor
  return {
    id,
    number: await nextNumber(compute, 'server'),
    project_id: context.projectId ?? '',
    project_name: context.projectName ?? '',
    user_id: context.userId ?? '',
    user_name: context.userName ?? '',
    display_name: name,
    description: asked.description ?? null,
    hostname: asked.hostname ?? hostnameOf(name, id),
    vm_state: 'building',
    task_state: 'scheduling',
    power_state: 0,
    progress: 0,
    flavor_id: flavorId,
    flavor_name: flavor.name,
    flavor_json: JSON.stringify(guestFlavor),
    image_id: image.id,
    image_json: JSON.stringify(image),
    host: null,
    node: null,
    availability_zone: zone.name,
    pinned_availability_zone: zone.pinned ? zone.name : null,
    key_name: asked.key_name ?? null,
    keys_json: JSON.stringify(plan.keys),
    user_data: asked.user_data ?? null,
    admin_pass: plan.adminPass,
    files_json: listed(asked.personality),
    encrypted_password: '',
    config_drive: wantsConfigDrive(compute, plan) ? 1 : 0,
    metadata_json: JSON.stringify(plan.metadata),
    tags_json: JSON.stringify([...new Set(asked.tags ?? [])]),
    security_groups_json: JSON.stringify(plan.securityGroups.length > 0 ? plan.securityGroups : ['default']),
    scheduler_hints_json: JSON.stringify(plan.hints),
    networks_json: JSON.stringify(plan.nics.map((nic) => networkOf(compute, nic))),
    network_info_json: '[]',
    disks_json: '[]',
    devices_json: '[]',
    rescue_json: null,
    trusted_certs_json: listed(asked.trusted_image_certificates),
    disk_config: asked['OS-DCF:diskConfig'] ?? 'AUTO',
    access_ip_v4: asked.accessIPv4 ?? null,
    access_ip_v6: asked.accessIPv6 ?? null,
    reservation_id: reservation,
    launch_index: index,
    root_device_name: null,
    shutdown_terminate: compute.options.shutdown_terminate ? 1 : 0,
    locked_by: null,
    locked_reason: null,
    launched_at: null,
    terminated_at: null,
    created_at: now,
    updated_at: now,
    deleted_at: null,
  }
}

function wantsConfigDrive({ options }: Compute, { asked, image }: Plan): boolean {
  return (
    asBoolean(asked.config_drive) || options.force_config_drive || image.properties['img_config_drive'] === 'mandatory'
  )
}

function networkOf({ random }: Compute, { networkId, portId, fixedIp, subnetId, tag }: PlannedNic): ServerNetwork {
  return { networkId, portId: portId ?? random.uuid(), given: portId !== null, fixedIp, subnetId, tag }
}

/** What later moves of the server ask the scheduler for, as it was asked for at first. */
function requestSpecOf(row: ServerRow, { hints, zone, flavor, image, metadata, devices, kept }: Plan): object {
  return {
    projectId: row.project_id,
    userId: row.user_id,
    availabilityZone: zone.pinned ? zone.name : null,
    forceHost: zone.target.forcedHost,
    requestedHost: zone.target.destination,
    flavor,
    image,
    schedulerHints: hints,
    metadata,
    securityGroups: row.security_groups_json ? JSON.parse(row.security_groups_json) : [],
    numInstances: 1,
    ...(devices.length === 0 ? {} : { blockDeviceMapping: devices }),
    ...(Object.keys(kept).length === 0 ? {} : { plugins: kept }),
  }
}
