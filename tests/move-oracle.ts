// The invariants of servers that move: what a move that is not over has on its source, and that nothing else is there.
import { isDeepStrictEqual } from 'node:util'
import type { Side } from '@kilonova/compute/migrations/side'
import type { MigrationRow } from '@kilonova/compute/schema/tables'
import type { Allocations } from '@kilonova/placement/client'
import { claimOfFlavor } from './disk-oracle.ts'
import type { WorldHost } from './world-host.ts'

/** Its two sides are the server's until it is confirmed or reverted. */
const OPEN = ['finished', 'confirming']
const OVER = ['confirmed', 'reverted', 'error', 'done', 'completed', 'failed']

interface Row {
  id: string
  vm_state: string
  host: string | null
  flavor_id: string
  deleted_at: number | null
}

export interface Moves {
  servers: readonly Row[]
  migrations: readonly MigrationRow[]
  claims: ReadonlyMap<string, Allocations>
  hosts: readonly WorldHost[]
}

/** What hosts keep of servers besides what those are, as `host server`. */
export function keptElsewhere({ migrations }: Pick<Moves, 'migrations'>): Set<string> {
  const kept = migrations.flatMap(({ server_id: id, status, source_compute: source, uncleaned_host: left }) => [
    ...(OPEN.includes(status) ? [`${source} ${id}`] : []),
    ...(left === null ? [] : [`${left} ${id}`]),
  ])
  return new Set(kept)
}

export const isOpen = ({ status }: MigrationRow): boolean => OPEN.includes(status)

const pathsOf = (side: Side): string[] => side.disks.map(({ source }) => source.path)

/** Disks that a host keeps of a server that may go back to them; undefined: some of them may be gone already. */
export function keptDisks(moves: readonly MigrationRow[], serverId: string, host: string): string[] | undefined {
  const open = moves.find((move) => move.server_id === serverId && isOpen(move) && move.source_compute === host)
  if (!open) return []
  return open.status === 'confirming' ? undefined : pathsOf(JSON.parse(open.before_json))
}

/** Once no task works on any of them. */
export function moveProblems(moves: Moves): string[] {
  const { servers, migrations } = moves
  const rows = new Map(servers.map((row) => [row.id, row]))
  return migrations.flatMap((move) => {
    const row = rows.get(move.server_id)
    const say = (problem: string): string => `migration ${move.uuid} (${move.status}) of ${move.server_id} ${problem}`
    return (row ? problemsOf(move, row, moves) : ['has no server']).map(say)
  })
}

function problemsOf(move: MigrationRow, row: Row, { claims, hosts }: Moves): string[] {
  const { status, uuid, source_compute: source } = move
  const before = JSON.parse(move.before_json) as Side
  const after = JSON.parse(move.after_json) as Side
  const claimed = JSON.stringify(claims.get(uuid) ?? {})
  const ends = status === 'done' ? move.uncleaned_host !== null : move.uncleaned_host === null || status !== 'completed'
  if (!ends) return [`has on ${move.uncleaned_host} what it left`]
  if (OVER.includes(status)) return claimed === '{}' ? [] : [`claims ${claimed}`]
  if (!OPEN.includes(status)) return ['is in no status in which it may stay']
  const node = hosts.find(({ name }) => name === source)!.nodeId
  const wanted = { [node]: claimOfFlavor(before.flavor) }
  const problems = isDeepStrictEqual(claims.get(uuid), wanted) ? [] : [`claims ${claimed}`]
  if (row.deleted_at !== null) problems.push('outlives its server')
  if (row.vm_state !== 'resized') problems.push(`while its server is ${row.vm_state}`)
  const here = hosts.find(({ name }) => name === source)!.storage.paths(row.id)
  const lost = pathsOf(before).filter((path) => !here.includes(path))
  if (status === 'finished' && lost.length > 0) problems.push(`has lost ${lost.join()} on ${source}`)
  if (row.host !== after.host || row.flavor_id !== after.flavorId)
    problems.push('has a server that is not as it shall be')
  return problems
}
