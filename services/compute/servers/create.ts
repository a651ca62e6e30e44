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
import { keypairOfUser } from '../keypairs/store.ts'
import { checkServerQuota } from '../quota-sets/check.ts'
import type { ServerGroupRow, ServerRow } from '../schema/tables.ts'
import { hintedGroup, joinGroup } from '../server-groups/members.ts'
import { imageForServer } from './image-for-server.ts'
import { startAction } from './instance-action.ts'
import { hostnameOf, newPassword, newReservationId } from './names.ts'
import type { ServerNetwork } from './networks.ts'
import type { CreateServer, NewServer } from './schema.ts'
import type { ServerId } from './server-id.ts'
import { insertServer } from './store.ts'
import { buildServerTask } from './tasks.ts'
import type { Zone } from './zone.ts'
import { zoneOf } from './zone.ts'

type CreateCall = Call<CreateServer>

export interface CreatedServers {
  rows: ServerRow[]
  adminPass: string
}

/** What the request asks for, checked. */
interface Plan {
  asked: NewServer
  hints: Record<string, unknown>
  group: ServerGroupRow | null
  min: number
  max: number
  flavor: GuestFlavor & { id: string }
  image: GuestImage | null
  zone: Zone
  keys: GuestKey[]
  nics: PlannedNic[]
  securityGroups: string[]
  adminPass: string
}

export async function createServers(compute: Compute, call: CreateCall): Promise<CreatedServers> {
  const plan = await planOf(compute, call)
  const { context } = call
  const rows = await compute.store.transaction(async () => {
    const count = await grantedCount(compute, context, plan)
    const made: ServerRow[] = []
    const reservation = newReservationId(compute.random)
    for (let index = 0; index < count; index++)
      made.push(await insertOne(compute, context, plan, { index, reservation }))
    const ids = made.map(({ id }) => id)
    if (plan.group) await joinGroup(compute, plan.group, ids)
    return made
  })
  return { rows, adminPass: plan.adminPass }
}

async function planOf(compute: Compute, call: CreateCall): Promise<Plan> {
  const { context, body } = call
  const asked = body.server
  const { min, max } = countsOf(asked)
  refuseWhatIsPerServer(asked, max)
  const flavor = await flavorForServer(compute, context, String(asked.flavorRef))
  const image = await imageForServer(compute, context, asked, flavor)
  if (flavor.rootGb === 0 && image) requireZeroDisk(call)
  const zone = await zoneOf(compute, call, asked)
  refuseTooMuch(compute, asked)
  const keys = asked.key_name === undefined ? [] : [await keyOf(compute, context, asked.key_name)]
  const securityGroups = [...new Set((asked.security_groups ?? []).flatMap(({ name }) => name ?? []))]
  await compute.network.validateSecurityGroups(context, securityGroups)
  const nics = await compute.network.validateRequested(context, networksOf(asked), { count: max })
  const hints = body['os:scheduler_hints'] ?? body['OS-SCH-HNT:scheduler_hints'] ?? {}
  return {
    asked,
    hints,
    group: await hintedGroup(compute, context, hints),
    min,
    max,
    flavor,
    image,
    zone,
    keys,
    nics,
    securityGroups,
    adminPass: asked.adminPass ?? newPassword(compute.random),
  }
}

function countsOf(asked: NewServer): { min: number; max: number } {
  const min = Number(asked.min_count ?? 1)
  const max = Number(asked.max_count ?? min)
  if (min > max) throw fault('BadRequest', { message: 'min_count must be <= max_count' })
  return { min, max }
}

function refuseWhatIsPerServer({ networks }: NewServer, max: number): void {
  if (!Array.isArray(networks)) return
  if (networks.some(({ port, fixed_ip }) => port && fixed_ip)) {
    throw fault('BadRequest', {
      message: 'Specified Fixed IP cannot be used with a port: the port has its own addresses.',
    })
  }
  if (max === 1) return
  if (networks.some(({ fixed_ip }) => fixed_ip !== undefined)) {
    throw fault('BadRequest', {
      message: 'Invalid fixed_ip: one address cannot be given to several servers (max_count > 1).',
    })
  }
  if (networks.some(({ port }) => port)) {
    throw fault('BadRequest', { message: 'Unable to launch multiple instances with a single configured port ID.' })
  }
}

function requireZeroDisk(call: CreateCall): void {
  if (!call.allows('servers:create:zero_disk_flavor')) throw fault('ZeroDiskFlavor', {})
}

function refuseTooMuch({ options }: Compute, { metadata = {}, user_data }: NewServer): void {
  const allowed = options.quota_metadata_items
  if (allowed >= 0 && Object.keys(metadata).length > allowed) throw fault('MetadataLimit', { allowed })
  const MOST_USER_DATA = 65_535
  if (user_data !== undefined && Buffer.from(user_data, 'base64').length > MOST_USER_DATA) {
    throw fault('UserDataTooLarge', { most: MOST_USER_DATA })
  }
}

async function keyOf(compute: Compute, context: RequestContext, name: string): Promise<GuestKey> {
  const row = await keypairOfUser(compute, context.userId ?? '', name)
  if (!row) throw fault('KeypairInRequestNotFound', { name })
  return { name: row.name, type: row.type, data: row.public_key }
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

interface Nth {
  index: number
  reservation: string
}

async function insertOne(compute: Compute, context: RequestContext, plan: Plan, nth: Nth): Promise<ServerRow> {
  const row = await rowOf(compute, context, plan, nth)
  await insertServer(compute, row)
  const spec = { server_id: row.id, spec_json: JSON.stringify(requestSpecOf(row, plan)) }
  await tables(compute).insertInto('compute_request_specs').values(spec).execute()
  await startAction(compute, context, row.id, 'create')
  const input = { serverId: row.id as ServerId, excluded: [], forcedHost: plan.zone.host }
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
    image_id: image?.id ?? null,
    image_json: image ? JSON.stringify(image) : null,
    host: null,
    node: null,
    availability_zone: zone.name,
    pinned_availability_zone: zone.pinned ? zone.name : null,
    key_name: asked.key_name ?? null,
    keys_json: JSON.stringify(plan.keys),
    user_data: asked.user_data ?? null,
    admin_pass: plan.adminPass,
    encrypted_password: '',
    config_drive: wantsConfigDrive(compute, plan) ? 1 : 0,
    metadata_json: JSON.stringify(asked.metadata ?? {}),
    tags_json: JSON.stringify([...new Set(asked.tags ?? [])]),
    security_groups_json: JSON.stringify(plan.securityGroups.length > 0 ? plan.securityGroups : ['default']),
    scheduler_hints_json: JSON.stringify(plan.hints),
    networks_json: JSON.stringify(plan.nics.map((nic) => networkOf(compute, nic))),
    network_info_json: '[]',
    disks_json: '[]',
    devices_json: '[]',
    disk_config: asked['OS-DCF:diskConfig'] ?? 'AUTO',
    access_ip_v4: asked.accessIPv4 ?? null,
    access_ip_v6: asked.accessIPv6 ?? null,
    reservation_id: reservation,
    launch_index: index,
    root_device_name: null,
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
    asBoolean(asked.config_drive) || options.force_config_drive || image?.properties['img_config_drive'] === 'mandatory'
  )
}

function networkOf({ random }: Compute, { networkId, portId, fixedIp, subnetId, tag }: PlannedNic): ServerNetwork {
  return { networkId, portId: portId ?? random.uuid(), given: portId !== null, fixedIp, subnetId, tag }
}

/** What later moves of the server ask the scheduler for, as it was asked for at first. */
function requestSpecOf(row: ServerRow, { hints, zone, flavor, image, asked }: Plan): object {
  return {
    projectId: row.project_id,
    userId: row.user_id,
    availabilityZone: zone.pinned ? zone.name : null,
    forceHost: zone.host,
    flavor,
    image,
    schedulerHints: hints,
    metadata: asked.metadata ?? {},
    securityGroups: row.security_groups_json ? JSON.parse(row.security_groups_json) : [],
    numInstances: 1,
  }
}
