// The port of a network's DHCP server: there while a subnet has DHCP, with an address in each such subnet.

import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { subnetsOf } from '../networks/rows.ts'
import type { NetworkRow, PortRow } from '../schema/tables.ts'
import { chooseAddresses, takeChosen } from './allocate.ts'
import { ownBinding } from './binding.ts'
import { insertPort, removePort } from './insert.ts'
import { fixedIpsOf } from './rows.ts'

/** Makes the port as the network's subnets ask for. Inside a transaction that holds the network's lock. */
export async function syncDhcpPort(network: Network, on: NetworkRow): Promise<void> {
  const subnets = (await subnetsOf(network, [on.id])).filter(({ enable_dhcp }) => enable_dhcp === 1)
  const port = await dhcpPortOf(network, on.id)
  if (subnets.length === 0) {
    if (port) await removePort(network, port)
    return
  }
  const wanted = subnets.map(({ id }) => ({ subnet_id: id }))
  if (!port) {
    await insertPort(network, on, {
      projectId: on.project_id,
      device_owner: 'network:dhcp',
      device_id: `dhcp-${on.id}`,
      ...(await ownBinding(network)),
      fixedIps: wanted,
    })
    return
  }
  const has = (await fixedIpsOf(network, [port.id])).get(port.id)!
  for (const { subnet_id } of has) {
    if (!subnets.some(({ id }) => id === subnet_id)) await leaveSubnet(network, port, subnet_id)
  }
  const missing = wanted.filter(({ subnet_id }) => !has.some((ip) => ip.subnet_id === subnet_id))
  // A DHCP server may hold more addresses than a port may ask for.
  for (const one of missing) {
    const [choice] = chooseAddresses(network, port, subnets, [one])
    await takeChosen(network, port, [choice!], has.length)
  }
}

export function dhcpPortOf(network: Network, networkId: string): Promise<PortRow | undefined> {
  return tables(network)
    .selectFrom('network_ports')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('device_owner', '=', 'network:dhcp')
    .executeTakeFirst()
}

async function leaveSubnet(network: Network, port: PortRow, subnetId: string): Promise<void> {
  await tables(network)
    .deleteFrom('network_ip_allocations')
    .where('port_id', '=', port.id)
    .where('subnet_id', '=', subnetId)
    .execute()
}
