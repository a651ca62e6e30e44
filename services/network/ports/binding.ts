// Where a port's device is, or shall be.
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { PortRow } from '../schema/tables.ts'

export type Binding = Pick<PortRow, 'host' | 'vif_type' | 'status' | 'status_reason'>

export const UNBOUND: Binding = { host: null, vif_type: 'unbound', status: 'DOWN', status_reason: null }

/** The binding to a host; `binding_failed` when no network agent has ever reported from there. */
export async function bindingTo(network: Network, host: string): Promise<Binding> {
  const query = tables(network).selectFrom('network_agents').select('id').where('host', '=', host)
  const agent = await query.executeTakeFirst()
  return { host, vif_type: agent ? 'bridge' : 'binding_failed', status: 'DOWN', status_reason: null }
}

/** The host of DHCP servers and routers: the option's, or that of the agent that reported first; null before any. */
export async function networkHostOf(network: Network): Promise<string | null> {
  if (network.options.network_host !== '') return network.options.network_host
  const query = tables(network).selectFrom('network_agents').select('host').orderBy('created_at').orderBy('id')
  const first = await query.limit(1).executeTakeFirst()
  return first?.host ?? null
}

/** The binding of a port of the cloud itself. */
export async function ownBinding(network: Network): Promise<Binding> {
  const host = await networkHostOf(network)
  return host === null ? UNBOUND : { ...UNBOUND, host, vif_type: 'bridge' }
}
