// Which port, address and router a floating address leads through.
import type { RequestContext } from '@kilonova/base/context'
import { canonical } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import type { FixedIp } from '../ports/allocate.ts'
import { fixedIpsOf, getPort } from '../ports/rows.ts'
import type { FloatingIpRow, PortRow } from '../schema/tables.ts'

export type Association = Pick<FloatingIpRow, 'fixed_port_id' | 'fixed_ip_address' | 'router_id' | 'status'>

export const NOWHERE: Association = { fixed_port_id: null, fixed_ip_address: null, router_id: null, status: 'DOWN' }

type Floating = Pick<FloatingIpRow, 'id' | 'project_id' | 'floating_network_id'>

/** Throws when the port is another project's, has no such address, or no router leads there. */
export async function associationTo(
  network: Network,
  context: RequestContext,
  floating: Floating,
  asked: { portId: string; address: string | null | undefined },
): Promise<Association> {
  const port = await getPort(network, context, asked.portId)
  if (port.project_id !== floating.project_id && !context.isAdmin) {
    throw fault('BadFloatingIpRequest', {
      message: `Port ${port.id} is associated with a different tenant than Floating IP ${floating.id} and therefore cannot be bound`,
    })
  }
  const ip = await addressOf(network, port, asked.address)
  const router_id = await routerBetween(network, ip.subnet_id, floating.floating_network_id)
  if (router_id === undefined) {
    const { floating_network_id: networkId } = floating
    throw fault('ExternalGatewayForFloatingIPNotFound', { networkId, subnetId: ip.subnet_id, portId: port.id })
  }
  return { fixed_port_id: port.id, fixed_ip_address: ip.ip_address, router_id, status: 'DOWN' }
}

async function addressOf(network: Network, port: PortRow, asked: string | null | undefined): Promise<FixedIp> {
  const refuse = (message: string): Error => fault('BadFloatingIpRequest', { message })
  const ips = (await fixedIpsOf(network, [port.id])).get(port.id)!.filter(({ ip_address }) => !ip_address.includes(':'))
  if (asked) {
    const found = ips.find(({ ip_address }) => ip_address === canonical(asked))
    if (!found) throw refuse(`Port ${port.id} does not have fixed ip ${asked}`)
    return found
  }
  if (ips.length === 0) {
    throw refuse(`Cannot add floating IP to port ${port.id} that has no fixed IPv4 addresses`)
  }
  if (ips.length > 1) {
    throw refuse(
      `Port ${port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 address when assigning a floating IP`,
    )
  }
  return ips[0]!
}

/** The router with a leg in the subnet and its gateway on the external network. */
async function routerBetween(network: Network, subnetId: string, externalId: string): Promise<string | undefined> {
  const found = await tables(network)
    .selectFrom('network_routers as r')
    .innerJoin('network_ports as p', 'p.device_id', 'r.id')
    .innerJoin('network_ip_allocations as a', 'a.port_id', 'p.id')
    .innerJoin('network_subnets as s', 's.id', 'a.subnet_id')
    .select(['r.id', 'a.ip_address', 's.gateway_ip'])
    .where('r.gateway_network_id', '=', externalId)
    .where('p.device_owner', '=', 'network:router_interface')
    .where('a.subnet_id', '=', subnetId)
    .orderBy('r.id')
    .execute()
  const usual = found.find(({ ip_address, gateway_ip }) => ip_address === gateway_ip)
  return (usual ?? found[0])?.id
}
