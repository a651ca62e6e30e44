// What hosts report of ports, networks and routers, and what compute is told of it.
import { log } from '@kilonova/base/log'
import type { PortReport } from '../agent/protocol.ts'
import type { ReadyReport } from '../host-protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { networkHostOf } from '../ports/binding.ts'
import { findPort, portsById } from '../ports/rows.ts'
import { chunks } from '../tags.ts'

/** Takes reports only from the host that a port is bound to. */
export async function takePortReports(
  network: Network,
  { host, reports }: { host: string; reports: readonly PortReport[] },
): Promise<void> {
  const rows = await portsById(
    network,
    reports.map(({ portId }) => portId),
  )
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const report of reports) {
    const row = byId.get(report.portId)
    const isNews = row && (row.status !== report.status || row.status_reason !== (report.reason ?? null))
    if (isNews && row.host === host) await takePortReport(network, host, report)
  }
}

async function takePortReport(network: Network, host: string, report: PortReport): Promise<void> {
  const { portId, status, reason = null } = report
  if (reason !== null) log('network').warn({ port_id: portId, host, reason }, 'a port could not be made ready')
  await network.store.transaction(async () => {
    await network.store.lock(`port ${portId}`)
    const row = await findPort(network, portId)
    if (!row || row.host !== host) return
    const change = { status, status_reason: reason, updated_at: network.clock.now() }
    await tables(network).updateTable('network_ports').set(change).where('id', '=', portId).execute()
    if (row.status === status) return
    const name = status === 'ACTIVE' ? 'network-vif-plugged' : 'network-changed'
    network.changes.tellCompute(name, row)
  })
}

/** DHCP servers and routers that answer now, with the floating addresses that lead through them. */
export async function takeReadyReport(network: Network, { host, networks, routers }: ReadyReport): Promise<void> {
  if ((await networkHostOf(network)) !== host) return
  const active = { status: 'ACTIVE' as const }
  const ports = () => tables(network).updateTable('network_ports').set(active).where('status', '!=', 'ACTIVE')
  for (const some of chunks(networks)) {
    await ports().where('network_id', 'in', some).where('device_owner', '=', 'network:dhcp').execute()
  }
  for (const some of chunks(routers.map(({ id }) => id))) {
    const owners = ['network:router_interface', 'network:router_gateway']
    await ports().where('device_id', 'in', some).where('device_owner', 'in', owners).execute()
  }
  for (const some of chunks(routers.flatMap(({ floatingIps }) => floatingIps))) {
    const query = tables(network).updateTable('network_floating_ips').set(active)
    await query.where('id', 'in', some).where('status', '=', 'DOWN').where('router_id', 'is not', null).execute()
  }
}
