// Where a server that moves goes: a host with its claim there, while its claim on the source is the migration's.
import type { Allocations } from '@kilonova/placement/client'
import type { Compute } from '../compute.ts'
import type { Side } from '../migrations/side.ts'
import { migrationOf, uncleanedHosts, updateMigration } from '../migrations/store.ts'
import type { MigrationRow, ServerRow } from '../schema/tables.ts'
import type { MoveServer } from '../servers/tasks.ts'
import { parsed } from '../servers/view.ts'
import { isHostUp } from '../services/liveness.ts'
import type { Bar } from './choose-host.ts'
import { takeHost } from './choose-host.ts'
import { schedulingRequest } from './scheduling-request.ts'

export const sidesOf = ({ before_json, after_json }: MigrationRow) => ({
  before: parsed<Side & { host: string }>(before_json),
  after: parsed<Side>(after_json),
})

export interface Destination {
  host: string
  newFlavor: Side['flavor'] & { id: string }
}

/** `forced`: the one host that it may go to skips the filters. */
type Wish = Pick<MoveServer, 'migrationId' | 'onto'> & { forced?: boolean }

/** Claims both sides at once; repeating it finds what was claimed. Throws NoValidHost. */
export async function claimDestination(compute: Compute, row: ServerRow, input: Wish): Promise<Destination> {
  const migration = await migrationOf(compute, input.migrationId)
  const { after } = sidesOf(migration)
  const newFlavor = { id: after.flavorId, ...after.flavor }
  if (after.host !== null) return { host: after.host, newFlavor }
  const forcedHost = input.forced ? input.onto : null
  const stored = await schedulingRequest(compute, row, { excluded: [], forcedHost })
  const request = { ...stored, flavor: after.flavor }
  const bars = await barsOf(compute, migration, input)
  const chosen = await takeHost(compute, { request, bars }, async (host, allocations) => {
    await claimBoth(compute, row, migration, allocations)
    const side: Side = { ...after, host: host.host, node: host.node, zone: host.zone }
    const dest = { dest_compute: host.host, dest_node: host.node, dest_host: host.hostIp }
    const claimed = { after_json: JSON.stringify(side), status: 'pre-migrating' } as const
    await updateMigration(compute, migration.uuid, { ...dest, ...claimed })
  })
  return { host: chosen.host, newFlavor }
}

/** The server's claim is what it was, and the migration has none. */
export async function releaseDestination(compute: Compute, row: ServerRow, migrationId: string): Promise<void> {
  await compute.store.transaction(async () => {
    const migration = await migrationOf(compute, migrationId)
    const { after } = sidesOf(migration)
    if (after.host === null) return
    await claimBack(compute, row, migrationId)
    const side: Side = { ...after, host: null, node: null, zone: null, disks: [] }
    await updateMigration(compute, migrationId, { after_json: JSON.stringify(side) })
  })
}

/** What the migration claims is the server's again, and all that it has. Inside a transaction. */
export async function claimBack({ placement }: Compute, row: ServerRow, migrationId: string): Promise<void> {
  const owner = ownerOf(row)
  await placement.claimTogether([
    { consumerId: row.id, ...owner, allocations: await placement.allocationsOf(migrationId) },
    { consumerId: migrationId, ...owner, consumerType: 'MIGRATION', allocations: {} },
  ])
}

async function claimBoth(
  { placement }: Compute,
  row: ServerRow,
  migration: MigrationRow,
  allocations: Allocations,
): Promise<void> {
  const owner = ownerOf(row)
  const before = await placement.allocationsOf(row.id)
  await placement.claimTogether([
    { consumerId: row.id, ...owner, allocations },
    { consumerId: migration.uuid, ...owner, consumerType: 'MIGRATION', allocations: before },
  ])
}

const ownerOf = ({ project_id, user_id }: ServerRow) => ({ projectId: project_id, userId: user_id })

/** Hosts that it may not go to at all. */
async function barsOf(
  compute: Compute,
  { server_id: serverId, source_compute: source, migration_type: type }: MigrationRow,
  { onto, forced = false }: Wish,
): Promise<Bar[]> {
  const uncleaned = await uncleanedHosts(compute, serverId)
  const mayStay = type === 'resize' && compute.options.allow_resize_to_same_host
  const ofSource: Bar = { filter: 'source host', lack: 'the server lives on it', bars: (host) => host === source }
  const requested: Bar = {
    ...{ filter: 'requested host', lack: `the request names ${onto}` },
    bars: (host) => host !== onto,
  }
  const leftovers: Bar = {
    ...{ filter: 'leftovers', lack: 'it keeps old files of the server until it has reported' },
    bars: (host) => uncleaned.includes(host),
  }
  const bars = [...(mayStay ? [] : [ofSource]), ...(onto === null ? [] : [requested]), leftovers]
  if (onto === null || !forced || (await isHostUp(compute, onto))) return bars
  return [...bars, { filter: 'forced host', lack: 'it is down', bars: (host) => host === onto }]
}
