// Whole devices of hosts in placement: a provider of one unit for each, below the host's own.
import { createHash } from 'node:crypto'
import { isFault } from '@kilonova/base/fault'
import type { Allocations } from '@kilonova/placement/client'
import type { GuestFlavor, GuestImage, IsolatedDisk } from '../agent/guest-spec.ts'
import type { HostInventory } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { ISOLATED_CLASS, isolatedRole } from '../isolated-role.ts'
import type { Shortfall } from '../scheduler/host-state.ts'
import type { ServerRow } from '../schema/tables.ts'

const GB = 1024 ** 3

/** The provider of a device: always the same for the same path on the same node. */
function providerOf(nodeId: string, path: string): string {
  const hex = createHash('sha1').update(`${nodeId} ${path}`).digest('hex')
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `5${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}

/** Tells placement of the devices that a host reports; those it no longer reports go, or take no one new. */
export async function reportIsolatedDisks({ placement }: Compute, inventory: HostInventory): Promise<void> {
  const { uuid: nodeId, hypervisorHostname, isolatedDisks = [] } = inventory
  const reported = new Map(isolatedDisks.map((disk) => [providerOf(nodeId, disk.path), disk]))
  for (const [id, disk] of reported) {
    await placement.ensureProvider({ id, name: `${hypervisorHostname}:${disk.path}`, parentId: nodeId })
    const mayBeHad = disk.trouble === null && (await isOfItsGuest({ placement }, id, disk))
    await placement.setInventories(id, { [ISOLATED_CLASS]: { total: 1, maxUnit: 1, reserved: mayBeHad ? 0 : 1 } })
    await placement.setTraits(id, [disk.rotational ? 'STORAGE_DISK_HDD' : 'STORAGE_DISK_SSD'])
  }
  const tree = await placement.summaries(await placement.providersOfTrees([nodeId]))
  for (const [id, { resources }] of tree) {
    if (ISOLATED_CLASS in resources && !reported.has(id)) await retire({ placement }, id)
  }
}

/** A device that is on the host the disk of somebody else than placement says is for nobody new. */
async function isOfItsGuest({ placement }: Pick<Compute, 'placement'>, id: string, { guest }: IsolatedDisk) {
  return guest === null || id in (await placement.allocationsOf(guest))
}

async function retire({ placement }: Pick<Compute, 'placement'>, id: string): Promise<void> {
  try {
    await placement.deleteProvider(id)
  } catch (error) {
    if (!isFault(error, 'ResourceProviderInUse')) throw error
    await placement.setInventories(id, { [ISOLATED_CLASS]: { total: 1, maxUnit: 1, reserved: 1 } })
  }
}

export interface DevicesOfHost {
  nodeId: string
  isolatedDisks: readonly Pick<IsolatedDisk, 'path' | 'size'>[]
}

interface Sized {
  flavor: GuestFlavor
  image: GuestImage | null
}

/** Bytes that a device must have; null for a server that wants none. */
export function wantedSize({ flavor, image }: Sized): number | null {
  const role = isolatedRole(flavor.extraSpecs)
  if (!role) return null
  return role === 'root' ? Math.max(flavor.rootGb * GB, image?.virtualSize ?? 0) : flavor.ephemeralGb * GB
}

/** The bytes of the device in each way to claim a host. */
function sizesOf({ nodeId, isolatedDisks }: DevicesOfHost): (way: Allocations) => number {
  const sizes = new Map(isolatedDisks.map(({ path, size }) => [providerOf(nodeId, path), size]))
  return (way) => Object.keys(way).reduce((size, id) => (ISOLATED_CLASS in way[id]! ? (sizes.get(id) ?? 0) : size), 0)
}

/** Of the ways to claim a host, those whose device is large enough, the smallest device first. */
export function withFittingDisk(host: DevicesOfHost, ways: readonly Allocations[], request: Sized): Allocations[] {
  const wanted = wantedSize(request)
  if (wanted === null) return [...ways]
  const sizeOf = sizesOf(host)
  return ways.filter((way) => sizeOf(way) >= wanted).toSorted((a, b) => sizeOf(a) - sizeOf(b))
}

/** By how much the largest device among the ways is too small. */
export function diskShortfall(host: DevicesOfHost, ways: readonly Allocations[], request: Sized): Shortfall {
  const asked = wantedSize(request) ?? 0
  const largest = Math.max(0, ...ways.map(sizesOf(host)))
  const gb = (bytes: number): number => Math.round((bytes / GB) * 10) / 10
  const figures = `${gb(asked - largest)} GB short (asks for ${gb(asked)}, the largest has ${gb(largest)})`
  return { says: `no free isolated disk is as large as the flavor's, ${figures}`, short: asked - largest }
}

/** The paths of the devices that a server's claim names on its host; nothing for a server that wants none. */
export async function claimedDisks(compute: Compute, row: ServerRow): Promise<{ isolatedDisks?: string[] }> {
  if (!isolatedRole((JSON.parse(row.flavor_json) as GuestFlavor).extraSpecs)) return {}
  const claimed = await compute.placement.allocationsOf(row.id)
  const nodes = await tables(compute)
    .selectFrom('compute_nodes')
    .select(['id', 'inventory_json'])
    .where('host', '=', row.host)
    .execute()
  const paths = nodes.flatMap(({ id, inventory_json }) => {
    const { isolatedDisks = [] } = JSON.parse(inventory_json) as HostInventory
    return isolatedDisks.map(({ path }) => path).filter((path) => providerOf(id, path) in claimed)
  })
  return { isolatedDisks: paths }
}
