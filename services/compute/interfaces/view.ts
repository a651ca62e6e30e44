// A server's interfaces as the API shows them, from its ports.
import type { Vif } from '@kilonova/network/client'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { ServerNetwork } from '../servers/networks.ts'
import { parsed } from '../servers/view.ts'

export interface ShownInterface {
  port_id: string
  net_id: string
  mac_addr: string
  port_state: string
  fixed_ips: { subnet_id: string; ip_address: string }[]
  tag: string | null
}

/** In the order in which the server got them. */
export async function interfacesOf({ network }: Compute, row: ServerRow): Promise<ShownInterface[]> {
  const nics = parsed<ServerNetwork[]>(row.networks_json)
  const vifs = await network.vifs(nics.map(({ portId }) => portId))
  const states = await network.portStatuses(vifs.map(({ portId }) => portId))
  return vifs.map((vif) => {
    const tag = nics.find(({ portId }) => portId === vif.portId)?.tag ?? null
    return shown(vif, states[vif.portId] ?? 'missing', tag)
  })
}

function shown({ portId, mac, network }: Vif, state: string, tag: string | null): ShownInterface {
  return {
    port_id: portId,
    net_id: network.id,
    mac_addr: mac,
    port_state: state,
    fixed_ips: network.subnets.flatMap(({ id, ips }) =>
      ips.map(({ address }) => ({ subnet_id: id, ip_address: address })),
    ),
    tag,
  }
}
