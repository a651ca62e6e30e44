// What the scheduler is asked for a server: from the request that made it, as it was stored then.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { SchedulingRequest } from '../scheduler/host-state.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { BuildServer } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import { serverGroupOf } from './server-group-of.ts'

/** The fields of a stored request that are read here; older ones lack some. */
interface StoredRequest {
  metadata?: Record<string, string>
}

export async function schedulingRequest(
  compute: Compute,
  row: ServerRow,
  { excluded, forcedHost }: Pick<BuildServer, 'excluded' | 'forcedHost'>,
): Promise<SchedulingRequest> {
  const hints = parsed<Record<string, unknown>>(row.scheduler_hints_json)
  const { metadata = {} } = await storedRequest(compute, row.id)
  return {
    serverId: row.id,
    projectId: row.project_id,
    flavor: parsed(row.flavor_json),
    image: row.image_json === null ? null : parsed(row.image_json),
    metadata,
    hints,
    group: await serverGroupOf(compute, row.id),
    differentHosts: await hostsOf(compute, namesIn(hints['different_host'])),
    sameHosts: hints['same_host'] === undefined ? null : await hostsOf(compute, namesIn(hints['same_host'])),
    zone: row.pinned_availability_zone,
    forcedHost,
    ignoreHosts: excluded,
  }
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
