// What the scheduler is asked for a server: from the request that made it, as it was stored then.
import type { GuestDisk } from '../agent/guest-spec.ts'
import { listAggregates } from '../aggregates/store.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { SchedulingRequest } from '../scheduler/host-state.ts'
import type { ServerRow } from '../schema/tables.ts'
import { blockDevicesOf } from '../servers/block-device-store.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import { serverGroupOf } from './server-group-of.ts'

const TENANT_KEY = 'filter_tenant_id'

/** The fields of a stored request that are read here; older ones lack some. */
interface StoredRequest {
  metadata?: Record<string, string>
  plugins?: Record<string, unknown>
}

export async function schedulingRequest(
  compute: Compute,
  row: ServerRow,
  { excluded, forcedHost, destination = null }: Pick<BuildServer, 'excluded' | 'forcedHost' | 'destination'>,
): Promise<SchedulingRequest> {
  const hints = parsed<Record<string, unknown>>(row.scheduler_hints_json)
  const { metadata = {}, plugins = {} } = await storedRequest(compute, row.id)
  return {
    serverId: row.id,
    projectId: row.project_id,
    userId: row.user_id,
    flavor: parsed(row.flavor_json),
    image: row.image_json === null ? null : parsed(row.image_json),
    imagesTypes: await imagesTypesOf(compute, row),
    metadata,
    hints,
    securityGroups: parsed(row.security_groups_json),
    plugins,
    group: await serverGroupOf(compute, row.id),
    differentHosts: await hostsOf(compute, namesIn(hints['different_host'])),
    sameHosts: hints['same_host'] === undefined ? null : await hostsOf(compute, namesIn(hints['same_host'])),
    projectAggregates: await aggregatesOf(compute, row.project_id),
    zone: row.pinned_availability_zone,
    forcedHost,
    destination,
    ignoreHosts: excluded,
  }
}

/** Those that were asked for disk by disk, and those of volume groups that its disks are on and stay on. */
async function imagesTypesOf(compute: Compute, row: ServerRow): Promise<string[]> {
  const asked = (await blockDevicesOf(compute, row.id)).flatMap(({ imagesType }) => imagesType ?? [])
  const had = parsed<GuestDisk[]>(row.disks_json).map(({ backend }) => backend)
  return [...new Set([...asked, ...had.filter((backend) => backend.startsWith('lvm'))])]
}

/** The flavor that the server has from now on, in its stored request. */
export async function keepFlavor(compute: Compute, serverId: string, flavor: object): Promise<void> {
  const request = await storedRequest(compute, serverId)
  await tables(compute)
    .updateTable('compute_request_specs')
    .set({ spec_json: JSON.stringify({ ...request, flavor }) })
    .where('server_id', '=', serverId)
    .execute()
}

/** None where the option does not ask for them. */
async function aggregatesOf(compute: Compute, projectId: string): Promise<string[]> {
  if (!compute.options.limit_tenants_to_placement_aggregate) return []
  const isOf = ([key, value]: [string, string]) => key.startsWith(TENANT_KEY) && value === projectId
  const aggregates = await listAggregates(compute)
  return aggregates.filter(({ metadata }) => Object.entries(metadata).some(isOf)).map(({ name }) => name)
}

async function storedRequest(compute: Compute, serverId: string): Promise<StoredRequest> {
  const row = await tables(compute)
    .selectFrom('compute_request_specs')
    .select('spec_json')
    .where('server_id', '=', serverId)
    .executeTakeFirst()
  return row ? parsed(row.spec_json) : {}
}

function namesIn(hint: unknown): string[] {
  return [hint].flat().filter((one): one is string => typeof one === 'string')
}

async function hostsOf(compute: Compute, serverIds: string[]): Promise<string[]> {
  if (serverIds.length === 0) return []
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select('host')
    .distinct()
    .where('id', 'in', serverIds)
    .where('host', 'is not', null)
    .where('deleted_at', 'is', null)
    .execute()
  return rows.map(({ host }) => host!)
}
