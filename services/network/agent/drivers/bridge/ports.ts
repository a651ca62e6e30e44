// Ports: filters first, then the device on its bridge.
import type { HostState, PortRecord } from '../../backend.ts'
import { fault } from '../../faults.ts'
import type { BridgeHost } from './bridge-host.ts'
import { endFlows, flowsOfPortChange } from './conntrack.ts'
import { ipBatch, tapLines, vethLines } from './ip-batch.ts'
import { readLink } from './links.ts'
import { bridgeName, deviceAlias, guestEndName, tapName } from './names.ts'
import { ensureBridge } from './networks.ts'

export async function plugPort(
  host: BridgeHost,
  record: PortRecord,
  before: PortRecord | null,
  state: HostState,
): Promise<void> {
  const { port } = record
  const network = state.networks.get(port.networkId)
  if (!network) throw fault('NetworkNotWired', { id: port.networkId, by: `port ${port.id}` })
  if (before !== record) await host.filter(host.tables.port(record, state.groups), state)
  const bridge = bridgeName(port.networkId)
  if (!(await readLink(bridge))) await ensureBridge(host, network)
  const name = tapName(port.id)
  const seen = await readLink(name)
  host.refuseForeign(seen)
  const alias = deviceAlias(host.cloudTag, 'port', port.id)
  const wish = { name, alias, mtu: network.network.mtu, up: port.adminStateUp, master: bridge }
  const peer = { name: guestEndName(port.id) }
  // The far end may have gone into another namespace: the pair is whole as long as this end exists.
  await ipBatch(host.options.device === 'tap' ? tapLines(wish, seen) : vethLines({ ...wish, peer }, seen, true))
  if (before) await endFlows(flowsOfPortChange(before, record, state))
}

export async function unplugPort(host: BridgeHost, record: PortRecord, state: HostState): Promise<void> {
  const { id } = record.port
  await host.removeLink(tapName(id))
  const ports = new Map([...state.ports].filter(([other]) => other !== id))
  const { networks, groups, routers } = state
  await host.filter(host.tables.portGone(record), { networks, ports, groups, routers })
  await endFlows(flowsOfPortChange(record, null, state))
}
