// Claims in placement against the servers, and the counters of used resources against the claims.
import type { Allocations, PlacementClient } from '@kilonova/placement/client'
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

type Used = Record<string, Record<string, number>>

export async function lookAtClaims(placement: PlacementClient, records: AuditedRecords): Promise<Looked> {
  const providers = records.hosts.map(({ nodeId }) => nodeId)
  const summaries = await placement.summaries(providers)
  const counters = [...summaries].map(([id, { resources }]): [string, Record<string, number>] => [
    id,
    Object.fromEntries(Object.entries(resources).map(([name, { used }]) => [name, used])),
  ])
  const claims = await placement.allAllocations()
  return {
    checked: { claim: claims.size, inventory: counters.flatMap(([, used]) => Object.keys(used)).length },
    findings: [...compareClaims(claims, records), ...recount(claims, Object.fromEntries(counters), records)],
  }
}

/** Pure. Only claims on compute nodes: what else users keep in placement is theirs. */
export function compareClaims(claims: ReadonlyMap<string, Allocations>, records: AuditedRecords): Finding[] {
  const { servers, busy, hosts, moves } = records
  const hostOf = new Map(hosts.map(({ nodeId, host }) => [nodeId, host]))
  const findings: Finding[] = []
  for (const [id, allocations] of claims) {
    const move = moves.get(id)
    if (busy.has(move?.serverId ?? id)) continue
    const on = Object.keys(allocations).flatMap((provider) => hostOf.get(provider) ?? [])
    const server = servers.get(id)
    for (const host of on.filter((name) => name !== (move ?? server)?.host)) {
      const why = server ? `its server lives on ${server.host ?? 'no host'}` : 'its consumer is no server'
      findings.push({ kind: 'claim', id, host, why })
    }
  }
  for (const { id, name, host, vmState } of servers.values()) {
    if (host === null || busy.has(id) || vmState === 'error') continue
    const node = hosts.find((other) => other.host === host)
    const claimed = node !== undefined && claims.get(id)?.[node.nodeId] !== undefined
    if (!claimed) findings.push({ kind: 'claim', id, host, why: `${name} lives on ${host} and claims nothing there` })
  }
  return findings
}

/** Pure. `counters`: what each class of each provider is said to be used. */
export function recount(
  claims: ReadonlyMap<string, Allocations>,
  counters: Used,
  { hosts }: Pick<AuditedRecords, 'hosts'>,
): Finding[] {
  const sums: Used = {}
  for (const allocations of claims.values()) {
    for (const [provider, amounts] of Object.entries(allocations)) {
      sums[provider] ??= {}
      const of = sums[provider]
      for (const [name, amount] of Object.entries(amounts)) of[name] = (of[name] ?? 0) + amount
    }
  }
  return hosts.flatMap(({ host, nodeId }) =>
    Object.entries(counters[nodeId] ?? {}).flatMap(([name, counted]) => {
      const sum = sums[nodeId]?.[name] ?? 0
      const why = `the counter of ${name} says ${counted} is used, the claims are ${sum}`
      return sum === counted ? [] : [{ kind: 'inventory', id: `${nodeId}/${name}`, host, why }]
    }),
  )
}
