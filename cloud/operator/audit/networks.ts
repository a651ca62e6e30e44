// Taps, bridges, namespaces, DHCP servers and filters on the hosts, against what network wants there.
import { errorChain, isFault } from '@kilonova/base/fault'
import type { HostThing } from '@kilonova/network/agent/backend'
import type { WantedState } from '@kilonova/network/agent/protocol'
import type { HostMethods, NetworkMethods } from '@kilonova/network/host'
import { NETWORK_TOPIC, networkTopic } from '@kilonova/network/host'
import type { Parts } from '../../parts.ts'
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

/** Milliseconds that a host has to answer. */
const PATIENCE = { timeout: 30_000 }

export async function lookAtNetworks({ bus }: Pick<Parts, 'bus'>, { hosts }: AuditedRecords): Promise<Looked> {
  const looked: Required<Looked> = { checked: {}, findings: [], unchecked: [] }
  for (const { host } of hosts) {
    try {
      const things = await bus.remote<HostMethods>(networkTopic(host)).inventory(undefined, PATIENCE)
      const wanted = await bus.remote<NetworkMethods>(NETWORK_TOPIC).wantedState({ host }, PATIENCE)
      for (const { kind } of things) looked.checked[kind] = (looked.checked[kind] ?? 0) + 1
      looked.findings.push(...unwantedThings(host, things, wanted))
    } catch (error) {
      if (!isFault(error)) throw error
      looked.unchecked.push({ what: `networks of ${host}`, why: errorChain(error) })
    }
  }
  return looked
}

/** Pure. A port that is bound elsewhere has nothing of its own here. */
export function unwantedThings(host: string, things: readonly HostThing[], wanted: WantedState): Finding[] {
  const bound = wanted.ports.filter((port) => port.bound)
  const owners = [...bound, ...wanted.networks, ...wanted.routers, ...wanted.securityGroups].map(({ id }) => id)
  const known = new Set(owners)
  return things
    .filter(({ owner }) => !known.has(owner))
    .map(({ kind, id, owner }) => ({ kind, id, host, why: `nothing that this host serves is named ${owner}` }))
}
