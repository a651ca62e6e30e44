// A floating IP as the API shows it.
import type { Network } from '../network.ts'
import { portsById } from '../ports/rows.ts'
import type { FloatingIpRow, PortRow } from '../schema/tables.ts'
import { standardView } from '../standard.ts'
import { tagsOf } from '../tags.ts'

/** The views of these rows, in their order. */
export async function floatingIpViews(network: Network, rows: readonly FloatingIpRow[]): Promise<object[]> {
  const tags = await tagsOf(
    network,
    rows.map(({ id }) => id),
  )
  const ports = await portsById(
    network,
    rows.flatMap(({ fixed_port_id }) => fixed_port_id ?? []),
  )
  const byId = new Map(ports.map((port) => [port.id, port]))
  return rows.map((row) => {
    const port = row.fixed_port_id === null ? undefined : byId.get(row.fixed_port_id)
    return {
      ...standardView(row, tags.get(row.id)!),
      floating_network_id: row.floating_network_id,
      floating_ip_address: row.floating_ip_address,
      fixed_ip_address: row.fixed_ip_address,
      port_id: row.fixed_port_id,
      router_id: row.router_id,
      status: row.status,
      port_details: port ? portDetails(port) : null,
    }
  })
}

function portDetails(port: PortRow): object {
  return {
    name: port.name,
    network_id: port.network_id,
    mac_address: port.mac_address,
    admin_state_up: port.admin_state_up === 1,
    status: port.status,
    device_id: port.device_id,
    device_owner: port.device_owner,
  }
}
