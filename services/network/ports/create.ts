// POST /ports: all of them or none.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { getNetwork, mayUse } from '../networks/rows.ts'
import { checkQuota } from '../quota.ts'
import type { NetworkRow, PortRow } from '../schema/tables.ts'
import { defaultGroupOf, getGroup } from '../security-groups/rows.ts'
import { flag, ownerOf } from '../standard.ts'
import { bindingTo, UNBOUND } from './binding.ts'
import { checkRights, checkSecurity, dhcpOptionsOf, macOf, pairsOf } from './check.ts'
import type { InsertedPort } from './insert.ts'
import { insertPort } from './insert.ts'
import type { NewPort } from './schema.ts'

export function createPorts(network: Network, call: Call, items: readonly NewPort[]): Promise<PortRow[]> {
  return network.store.transaction(async () => {
    const made: InsertedPort[] = []
    for (const item of items) made.push(await createPort(network, call, item))
    const ids = made.map(({ row }) => row.id)
    const joined = items.flatMap(({ security_groups }) => security_groups ?? [])
    await network.changes.touch({ ports: ids, securityGroups: joined })
    return made.map(({ row }) => row)
  })
}

async function createPort(network: Network, call: Call, item: NewPort): Promise<InsertedPort> {
  const { context } = call
  const on = await getNetwork(network, context, item.network_id)
  if (!(await mayUse(network, context, on))) call.require('create_port:foreign_network')
  checkRights(call, 'create_port', on, item)
  const projectId = ownerOf(context, item)
  await checkQuota(network, projectId, 'port')
  const port_security_enabled = flag(item.port_security_enabled ?? on.port_security_enabled === 1)
  const mac = item.mac_address ? { mac_address: macOf(item.mac_address) } : {}
  const pairs = pairsOf(network, item.mac_address ?? '', item.allowed_address_pairs)
  const isSecured = port_security_enabled === 1
  const made = await insertPort(network, on, {
    projectId,
    ...(item.description === undefined ? {} : { description: item.description }),
    ...mac,
    ...(item['binding:host_id'] ? await bindingTo(network, item['binding:host_id']) : UNBOUND),
    name: item.name ?? '',
    admin_state_up: flag(item.admin_state_up ?? true),
    device_id: item.device_id ?? '',
    device_owner: item.device_owner ?? '',
    profile_json: JSON.stringify(item['binding:profile'] ?? {}),
    port_security_enabled,
    allowed_address_pairs_json: JSON.stringify(pairs),
    extra_dhcp_opts_json: dhcpOptionsOf(item.extra_dhcp_opts),
    fixedIps: item.fixed_ips ?? undefined,
    securityGroupIds: await groupsFor(network, context, { item, on, projectId, isSecured }),
  })
  const groups = item.security_groups ?? []
  checkSecurity({ port: made.row, groups, hasAddress: made.fixedIps.length > 0 }, false)
  return made
}

interface Wished {
  item: NewPort
  on: NetworkRow
  projectId: string
  isSecured: boolean
}

/** The groups asked for; the project's default one for a port that asks for none. */
async function groupsFor(
  network: Network,
  context: RequestContext,
  { item, projectId, isSecured }: Wished,
): Promise<string[]> {
  if (item.security_groups) return checkedGroups(network, context, projectId, item.security_groups)
  if (item.security_groups === null || !isSecured) return []
  if (item.fixed_ips?.length === 0 || item.device_owner?.startsWith('network:')) return []
  return [await defaultGroupOf(network, projectId)]
}

/** Ids of groups that the port's project has. Throws SecurityGroupNotFound. */
export async function checkedGroups(
  network: Network,
  context: RequestContext,
  projectId: string,
  ids: readonly string[],
): Promise<string[]> {
  const unique = [...new Set(ids)]
  for (const id of unique) {
    const group = await getGroup(network, context, id)
    if (group.project_id !== projectId && !context.isAdmin) throw fault('SecurityGroupNotFound', { id })
  }
  return unique
}
