// What hosts say of themselves: the first report makes an agent, each one is a sign of life.
import type { AgentReport } from '../host-protocol.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { networkHostOf } from '../ports/binding.ts'
import type { AgentRow } from '../schema/tables.ts'

export async function recordReport(network: Network, { host, backend, isStart }: AgentReport): Promise<void> {
  const now = network.clock.now()
  const row: AgentRow = {
    id: network.random.uuid(),
    host,
    admin_state_up: 1,
    description: null,
    backend,
    created_at: now,
    started_at: now,
    heartbeat_at: now,
  }
  const change = { backend, heartbeat_at: now, ...(isStart ? { started_at: now } : {}) }
  await tables(network)
    .insertInto('network_agents')
    .values(row)
    .onConflict((conflict) => conflict.column('host').doUpdateSet(change))
    .execute()
  if (isStart) await adoptOwnPorts(network, host)
}

/** Ports of DHCP servers and routers that were made before there was a host for them, or for another one. */
async function adoptOwnPorts(network: Network, host: string): Promise<void> {
  if ((await networkHostOf(network)) !== host) return
  await tables(network)
    .updateTable('network_ports')
    .set({ host, vif_type: 'bridge' })
    .where('device_owner', 'in', ['network:dhcp', 'network:router_interface', 'network:router_gateway'])
    .where((eb) => eb.or([eb('host', 'is', null), eb('host', '!=', host)]))
    .execute()
}

/** True when the agent has reported lately. */
export function isAlive({ clock, options }: Network, { heartbeat_at }: Pick<AgentRow, 'heartbeat_at'>): boolean {
  return clock.now() - heartbeat_at <= options.agent_down_time * 1000
}
