// Domains and files of guests on the hosts, against the servers.
import { errorChain, isFault } from '@kilonova/base/fault'
import type { Holding } from '@kilonova/compute/agent/disks/disk-backend'
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
  /** What guests have there outside their folders. */
  disks: readonly Holding[]
}

export async function lookAtGuests({ bus }: Pick<Parts, 'bus'>, records: AuditedRecords): Promise<Looked> {
  const looked: Required<Looked> = { checked: { domain: 0, 'instance-files': 0 }, findings: [], unchecked: [] }
  for (const { host } of records.hosts) {
    const agent = bus.remote<ComputeAgent>(computeTopic(host))
    try {
      const guests = await agent.guests(undefined, PATIENCE)
      const stored = await agent.storedGuests(undefined, PATIENCE)
      const disks = await agent.storedDisks(undefined, PATIENCE)
      looked.findings.push(...compareGuests({ host, guests, stored, disks }, records))
      looked.checked['domain']! += guests.length
      looked.checked['instance-files']! += stored.length
      for (const { kind } of disks) looked.checked[kind] = (looked.checked[kind] ?? 0) + 1
    } catch (error) {
      if (!isFault(error)) throw error
      looked.unchecked.push({ what: `guests of ${host}`, why: errorChain(error) })
    }
  }
  return looked
}

/** Pure. */
export function compareGuests({ host, guests, stored, disks }: OnHost, records: AuditedRecords): Finding[] {
  const { servers, busy, moves, uncleaned } = records
  const isLeft = (id: string) => uncleaned.some((one) => one.serverId === id && one.host === host)
  const isKept = (id: string) => [...moves.values()].some((move) => move.serverId === id && move.host === host)
  const unwanted = (kind: string, id: string, what: string, guest = id): Finding[] => {
    const server = servers.get(guest)
    if (busy.has(guest) || server?.host === host || isLeft(guest)) return []
    const why = server ? `${what} of a server that lives on ${server.host ?? 'no host'}` : `${what} of no server`
    return [{ kind, id, host, why }]
  }
  const there = new Set(guests.map(({ id }) => id))
  const missing = [...servers.values()].filter(
    (server) => server.host === host && HAS_DOMAIN.includes(server.vmState) && !there.has(server.id),
  )
  return [
    ...guests.flatMap(({ id, name }) => unwanted('domain', id, `domain ${name}`)),
    ...stored.filter((id) => !isKept(id)).flatMap((id) => unwanted('instance-files', id, 'files')),
    ...disks
      .filter(({ guest }) => !isKept(guest))
      .flatMap(({ kind, id, guest }) => unwanted(kind, id, kind.replaceAll('-', ' '), guest)),
    ...missing
      .filter(({ id }) => !busy.has(id))
      .map(({ id, name, vmState }) => ({ kind: 'server', id, host, why: `${name} is ${vmState} and has no domain` })),
  ]
}
