// All that exists in a world, one line each.
import { HOST_CHANGES } from '@kilonova/compute/schema/host-changes'
import { sql } from 'kysely'
import type { ServerWorld } from './server-world.ts'

/** Signs of life, which go on whatever else happens. */
const PASSING: Record<string, string[]> = {
  compute_services: ['last_seen_at'],
  compute_nodes: ['updated_at', 'inventory_json'],
  network_agents: ['heartbeat_at', 'started_at'],
}
/** Who does periodic work for a while, and which hosts have reported after a silence. */
const PASSING_TABLES = ['task_leaders', HOST_CHANGES]

export async function snapshotOf({ store, hosts }: ServerWorld): Promise<string[]> {
  const query = sql<{ name: string }>`select name from sqlite_master where type = 'table' order by name`
  const lines: string[] = []
  for (const { name } of (await query.execute(store.as())).rows) {
    if (PASSING_TABLES.includes(name)) continue
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(store.as())
    for (const row of rows) {
      if (name === 'sqlite_sequence' && row['name'] === HOST_CHANGES) continue
      const lasting = Object.entries(row).filter(([column]) => !PASSING[name]?.includes(column))
      lines.push(`${name} ${JSON.stringify(Object.fromEntries(lasting))}`)
    }
  }
  for (const host of hosts) lines.push(...(await host.contents()).map((line) => `${host.name} ${line}`))
  return lines.toSorted()
}

/** Throws the lines in which two snapshots differ. */
export function assertSame(before: readonly string[], after: readonly string[]): void {
  const [was, is] = [new Set(before), new Set(after)]
  const gone = [...was.difference(is)].map((line) => `- ${line}`)
  const come = [...is.difference(was)].map((line) => `+ ${line}`)
  if (gone.length + come.length > 0) throw new Error(['something changed:', ...gone, ...come].join('\n'))
}
