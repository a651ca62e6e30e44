// A port's row with its MAC, addresses and groups; and its end. What the API, routers and DHCP share.
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { isReferenceFault, tables } from '../network.ts'
import { subnetsOf } from '../networks/rows.ts'
import type { NetworkRow, PortRow } from '../schema/tables.ts'
import { newStandard } from '../standard.ts'
import { removeTags } from '../tags.ts'
import type { FixedIp, WantedIp } from './allocate.ts'
import { chooseAddresses, requireSubnets, takeChosen, takeDefault, withAutomatic } from './allocate.ts'
import { groupsOf } from './rows.ts'

export interface NewPortRow extends Partial<Omit<PortRow, 'network_id' | 'project_id'>> {
  projectId: string
  /** None: addresses as the network has room; empty: no address. */
  fixedIps?: readonly WantedIp[] | undefined
  /** Which addresses a port gets that asks for none. Default: both. */
  versions?: readonly (4 | 6)[]
  securityGroupIds?: readonly string[]
}

export interface InsertedPort {
  row: PortRow
  fixedIps: FixedIp[]
}

const MAC_TRIES = 16

/** Inside a transaction. The caller tells the hosts. */
export async function insertPort(network: Network, on: NetworkRow, wanted: NewPortRow): Promise<InsertedPort> {
  const row = await insertRow(network, on, wanted)
  const subnets = await subnetsOf(network, [on.id])
  await requireSubnets(network, subnets, wanted.fixedIps ?? [])
  const choices = wanted.fixedIps && chooseAddresses(network, row, subnets, wanted.fixedIps)
  const fixedIps = choices
    ? await takeChosen(network, row, choices.length > 0 ? withAutomatic(row, subnets, choices) : [])
    : await takeDefault(network, row, subnets, wanted.versions)
  await joinGroups(network, row.id, wanted.securityGroupIds ?? [])
  return { row, fixedIps }
}

async function insertRow(network: Network, on: NetworkRow, wanted: NewPortRow): Promise<PortRow> {
  const { projectId, fixedIps: _, securityGroupIds: __, versions: ___, mac_address, ...given } = wanted
  const base: PortRow = {
    ...newStandard(network, projectId, given),
    network_id: on.id,
    name: '',
    mac_address: '',
    admin_state_up: 1,
    status: 'DOWN',
    status_reason: null,
    device_id: '',
    device_owner: '',
    host: null,
    vif_type: 'unbound',
    vnic_type: 'normal',
    profile_json: '{}',
    hostname: null,
    port_security_enabled: 0,
    allowed_address_pairs_json: '[]',
    extra_dhcp_opts_json: '[]',
    ...given,
  }
  for (let attempt = 0; attempt < MAC_TRIES; attempt++) {
    const row = { ...base, mac_address: mac_address ?? newMac(network) }
    if (await tryInsert(network, row)) return row
    if (mac_address) throw fault('MacAddressInUse', { id: on.id, mac: mac_address })
  }
  throw fault('MacAddressGenerationFailure', { id: on.id })
}

/** False when the network has a port of that MAC. */
async function tryInsert(network: Network, row: PortRow): Promise<boolean> {
  try {
    const { numInsertedOrUpdatedRows } = await tables(network)
      .insertInto('network_ports')
      .values(row)
      .onConflict((conflict) => conflict.columns(['network_id', 'mac_address']).doNothing())
      .executeTakeFirstOrThrow()
    return Number(numInsertedOrUpdatedRows) > 0
  } catch (error) {
    if (isReferenceFault(error)) throw fault('NetworkNotFound', { id: row.network_id }, error)
    throw error
  }
}

function newMac({ options, random }: Network): string {
  const tail = [...random.bytes(3)].map((byte) => byte.toString(16).padStart(2, '0'))
  return [...options.base_mac.toLowerCase().split(':').slice(0, 3), ...tail].join(':')
}

/** Inside a transaction, for a port without groups. */
export async function joinGroups(network: Network, portId: string, groupIds: readonly string[]): Promise<void> {
  const rows = [...new Set(groupIds)].map((id) => ({ port_id: portId, security_group_id: id }))
  if (rows.length === 0) return
  try {
    await tables(network).insertInto('network_port_security_groups').values(rows).execute()
  } catch (error) {
    if (isReferenceFault(error)) throw fault('SecurityGroupNotFound', { id: groupIds.join(', ') }, error)
    throw error
  }
}

/** The port, its addresses and what led to it are gone; hosts and compute are told. Inside a transaction. */
export async function removePort(network: Network, row: PortRow): Promise<void> {
  const groups = (await groupsOf(network, [row.id])).get(row.id)!
  const db = tables(network)
  const freed = await db
    .selectFrom('network_floating_ips')
    .select('router_id')
    .where('fixed_port_id', '=', row.id)
    .execute()
  await db
    .updateTable('network_floating_ips')
    .set({ fixed_port_id: null, fixed_ip_address: null, router_id: null, status: 'DOWN' })
    .where('fixed_port_id', '=', row.id)
    .execute()
  await db.deleteFrom('network_ports').where('id', '=', row.id).execute()
  await removeTags(network, row.id)
  network.changes.tellCompute('network-vif-deleted', row)
  await network.changes.touch({
    ports: [row.id],
    securityGroups: groups,
    routers: freed.flatMap(({ router_id }) => router_id ?? []),
    left: [{ host: row.host, networkId: row.network_id, securityGroupIds: groups }],
  })
}
