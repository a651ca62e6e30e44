// Domains and files of guests on the hosts, against the servers.
import { errorChain, isFault } from '@kilonova/base/fault'
import type { ComputeAgent } from '@kilonova/compute/agent/protocol'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import type { Parts } from '../../parts.ts'
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

/** Milliseconds that a host has to answer. */
const PATIENCE = { timeout: 30_000 }

/** States in which a server has a domain. */
const HAS_DOMAIN = ['active', 'stopped', 'paused', 'suspended', 'rescued', 'resized']

export interface OnHost {
  host: string
  guests: readonly { id: string; name: string }[]
  /** Ids of the guests whose files lie there. */
  stored: readonly string[]
}

export async function lookAtGuests({ bus }: Pick<Parts, 'bus'>, records: AuditedRecords): Promise<Looked> {
  const looked: Required<Looked> = { checked: { domain: 0, 'instance-files': 0 }, findings: [], unchecked: [] }
  for (const { host } of records.hosts) {
    const agent = bus.remote<ComputeAgent>(computeTopic(host))
    try {
      const guests = await agent.guests(undefined, PATIENCE)
      const stored = await agent.storedGuests(undefined, PATIENCE)
      looked.findings.push(...compareGuests({ host, guests, stored }, records))
      looked.checked['domain']! += guests.length
      looked.checked['instance-files']! += stored.length
    } catch (error) {
      if (!isFault(error)) throw error
      looked.unchecked.push({ what: `guests of ${host}`, why: errorChain(error) })
    }
  }
  return looked
}

/** Pure. */
export function compareGuests({ host, guests, stored }: OnHost, { servers, busy }: AuditedRecords): Finding[] {
  const unwanted = (kind: string, id: string, what: string): Finding[] => {
    const server = servers.get(id)
    if (busy.has(id) || server?.host === host) return []
    const why = server ? `${what} of a server that lives on ${server.host ?? 'no host'}` : `${what} of no server`
    return [{ kind, id, host, why }]
  }
  const there = new Set(guests.map(({ id }) => id))
  const missing = [...servers.values()].filter(
    (server) => server.host === host && HAS_DOMAIN.includes(server.vmState) && !there.has(server.id),
  )
  return [
    ...guests.flatMap(({ id, name }) => unwanted('domain', id, `domain ${name}`)),
    ...stored.flatMap((id) => unwanted('instance-files', id, 'files')),
    ...missing
      .filter(({ id }) => !busy.has(id))
      .map(({ id, name, vmState }) => ({ kind: 'server', id, host, why: `${name} is ${vmState} and has no domain` })),
  ]
}
