// A network as the API shows it.
import type { Call } from '@kilonova/api/route'
import type { Network } from '../network.ts'
import type { NetworkRow } from '../schema/tables.ts'
import { standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'
import { grantedTo, subnetsOf } from './rows.ts'

/** The views of these rows, in their order. */
export async function networkViews(
  network: Network,
  { context, allows }: Pick<Call, 'context' | 'allows'>,
  rows: readonly NetworkRow[],
): Promise<object[]> {
  const ids = rows.map(({ id }) => id)
  const [tags, subnets, granted] = await Promise.all([
    tagsOf(network, ids),
    subnetsOf(network, ids),
    grantedTo(network, context, ids),
  ])
  const zones = [network.options.default_availability_zone]
  const provider = allows('get_network:provider')
    ? { 'provider:network_type': 'local', 'provider:physical_network': null, 'provider:segmentation_id': null }
    : {}
  return rows.map((row) => ({
    ...standardView(row, tags.get(row.id)!),
    name: row.name,
    admin_state_up: row.admin_state_up === 1,
    status: 'ACTIVE',
    shared: row.shared === 1 || granted.has(row.id),
    'router:external': row.is_external === 1,
    mtu: row.mtu,
    port_security_enabled: row.port_security_enabled === 1,
    subnets: subnets.filter(({ network_id }) => network_id === row.id).map(({ id }) => id),
    availability_zone_hints: [],
    availability_zones: zones,
    l2_adjacency: true,
    ...provider,
  }))
}
