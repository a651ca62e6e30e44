// What the records say, read once for a whole look.
import type { AuditedHost, AuditedMove, AuditedServer, Uncleaned } from '@kilonova/compute/explain/audited-servers'
import { auditedHosts, auditedMoves, auditedServers, auditedUncleaned } from '@kilonova/compute/explain/audited-servers'
import type { Task } from '@kilonova/tasks/task'
import type { Parts } from '../../parts.ts'

export interface AuditedRecords {
  /** Every server that has not been deleted, by id. */
  servers: ReadonlyMap<string, AuditedServer>
  hosts: readonly AuditedHost[]
  /** Moves of servers that are neither confirmed nor reverted, by id. */
  moves: ReadonlyMap<string, AuditedMove>
  /** Files that hosts will remove by themselves. */
  uncleaned: readonly Uncleaned[]
  /** Tasks that have not ended; stuck ones are among them. */
  tasks: readonly Task[]
  /** Servers that a task is working on: what belongs to them may be half made or half gone. */
  busy: ReadonlySet<string>
}

const ALL = 1_000_000

export async function auditedRecords({ compute, tasks }: Pick<Parts, 'compute' | 'tasks'>): Promise<AuditedRecords> {
  const live = await tasks.list({ live: true, limit: ALL })
  const servers = await auditedServers(compute)
  const working = live.filter(({ state, resource }) => state !== 'stuck' && resource?.type === 'server')
  return {
    servers: new Map(servers.map((server) => [server.id, server])),
    hosts: await auditedHosts(compute),
    moves: new Map((await auditedMoves(compute)).map((move) => [move.id, move])),
    uncleaned: await auditedUncleaned(compute),
    tasks: live,
    busy: new Set(working.map(({ resource }) => resource!.id)),
  }
}
