// Floating IPs made, led elsewhere and removed.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import { isDuplicate } from '@kilonova/store/store'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import { ownRows } from '../listing.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { getNetwork } from '../networks/rows.ts'
import type { WantedIp } from '../ports/allocate.ts'
import { insertPort, removePort } from '../ports/insert.ts'
import { findPort } from '../ports/rows.ts'
import { checkQuota } from '../quota.ts'
import type { FloatingIpRow } from '../schema/tables.ts'
import { changed, checkRevision, newStandard, ownerOf } from '../standard.ts'
import { removeTags } from '../tags.ts'
import type { Association } from './associate.ts'
import { associationTo, NOWHERE } from './associate.ts'
import type { FloatingIpChange, NewFloatingIp } from './schema.ts'

/** Throws FloatingIPNotFound, also for what the caller may not see. */
export async function getFloatingIp(network: Network, context: RequestContext, id: string): Promise<FloatingIpRow> {
  const row = await tables(network)
    .selectFrom('network_floating_ips')
    .selectAll()
    .where(sql<SqlBool>`id = ${id} and ${ownRows(context)}`)
    .executeTakeFirst()
  if (!row) throw fault('FloatingIPNotFound', { id })
  return row
}

/** Makes all of them or none. */
export function createFloatingIps(
  network: Network,
  call: Call,
  items: readonly NewFloatingIp[],
): Promise<FloatingIpRow[]> {
  return network.store.transaction(async () => {
    const rows: FloatingIpRow[] = []
    for (const item of items) rows.push(await createOne(network, call, item))
    await network.changes.touch({ routers: rows.flatMap(({ router_id }) => router_id ?? []) })
    return rows
  })
}

async function createOne(network: Network, call: Call, item: NewFloatingIp): Promise<FloatingIpRow> {
  if (item.floating_ip_address) call.require('create_floatingip:floating_ip_address')
  const projectId = ownerOf(call.context, item)
  await checkQuota(network, projectId, 'floatingip')
  const on = await getNetwork(network, call.context, item.floating_network_id)
  const refuse = (message: string): Error => fault('BadFloatingIpRequest', { message })
  if (on.is_external === 0) throw refuse(`Network ${on.id} is not a valid external network`)
  const standard = newStandard(network, projectId, item)
  const { row: port, fixedIps } = await insertPort(network, on, {
    projectId: '',
    device_id: standard.id,
    device_owner: 'network:floatingip',
    fixedIps: wantedOf(item),
    versions: [4],
  })
  const address = fixedIps[0]?.ip_address
  if (!address || address.includes(':')) throw refuse(`Network ${on.id} does not contain any IPv4 subnet`)
  const floating = { ...standard, floating_network_id: on.id }
  const row: FloatingIpRow = {
    ...floating,
    floating_ip_address: address,
    floating_port_id: port.id,
    ...(await leadTo(network, call.context, floating, item)),
  }
  await tables(network).insertInto('network_floating_ips').values(row).execute().catch(orAssociated(row))
  await tellPort(network, row.fixed_port_id)
  return row
}

/** The address or subnet that the request names, if any. */
function wantedOf({ subnet_id, floating_ip_address }: NewFloatingIp): WantedIp[] | undefined {
  if (!subnet_id && !floating_ip_address) return undefined
  return [{ ...(subnet_id ? { subnet_id } : {}), ...(floating_ip_address ? { ip_address: floating_ip_address } : {}) }]
}

async function leadTo(
  network: Network,
  context: RequestContext,
  floating: Pick<FloatingIpRow, 'id' | 'project_id' | 'floating_network_id'>,
  { port_id, fixed_ip_address }: FloatingIpChange,
): Promise<Association> {
  if (port_id) return associationTo(network, context, floating, { portId: port_id, address: fixed_ip_address })
  if (fixed_ip_address) {
    throw fault('BadFloatingIpRequest', { message: 'fixed_ip_address cannot be specified without a port_id' })
  }
  return NOWHERE
}

/** The fixed address has another floating one already. */
function orAssociated(row: FloatingIpRow): (error: unknown) => never {
  return (error) => {
    if (!isDuplicate(error)) throw error
    const { floating_ip_address: address, floating_network_id: networkId } = row
    const details = {
      id: row.id,
      address,
      networkId,
      portId: row.fixed_port_id ?? '',
      fixedIp: row.fixed_ip_address ?? '',
    }
    throw fault('FloatingIPPortAlreadyAssociated', details, error)
  }
}

async function tellPort(network: Network, portId: string | null): Promise<void> {
  const port = portId === null ? undefined : await findPort(network, portId)
  if (port) network.changes.tellCompute('network-changed', port)
}

export function updateFloatingIp(network: Network, call: Call, asked: FloatingIpChange): Promise<FloatingIpRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`floating ip ${id}`)
    const row = await getFloatingIp(network, call.context, id)
    call.require('update_floatingip', { projectId: row.project_id })
    checkRevision(call.headers, row)
    const leads = asked.port_id !== undefined || asked.fixed_ip_address !== undefined
    const wish = { port_id: row.fixed_port_id, ...asked }
    const change = {
      ...changed(network, row),
      description: asked.description ?? row.description,
      ...(leads ? await leadTo(network, call.context, row, wish) : {}),
    }
    const after = { ...row, ...change }
    const query = tables(network).updateTable('network_floating_ips').set(change).where('id', '=', id)
    await query.execute().catch(orAssociated(after))
    if (!leads) return after
    for (const portId of new Set([row.fixed_port_id, after.fixed_port_id])) await tellPort(network, portId)
    await network.changes.touch({ routers: [row.router_id, after.router_id].flatMap((router) => router ?? []) })
    return after
  })
}

export function deleteFloatingIp(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`floating ip ${id}`)
    const row = await getFloatingIp(network, call.context, id)
    call.require('delete_floatingip', { projectId: row.project_id })
    checkRevision(call.headers, row)
    await tables(network).deleteFrom('network_floating_ips').where('id', '=', id).execute()
    const port = await findPort(network, row.floating_port_id)
    if (port) await removePort(network, port)
    await removeTags(network, id)
    await tellPort(network, row.fixed_port_id)
    await network.changes.touch({ routers: row.router_id === null ? [] : [row.router_id] })
  })
}
