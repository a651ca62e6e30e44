// What the servers of each host use by their flavors, computed anew each time.
import { sql } from 'kysely'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { flavorNumber } from '../flavor-json.ts'

export interface Used {
  servers: number
  /** Servers with a task_state. */
  workload: number
  /** Servers that are being built, moved or copied. */
  ioOps: number
  vcpus: number
  memoryMb: number
  diskGb: number
}

const IO_TASKS = [
  'resize_prep',
  'resize_migrating',
  'rebuilding',
  'image_snapshot',
  'image_backup',
  'unshelving',
  'rescuing',
]

export const NOTHING_USED: Used = { servers: 0, workload: 0, ioOps: 0, vcpus: 0, memoryMb: 0, diskGb: 0 }

/** By host; a host without servers is not there. */
export async function usedByHost(compute: Compute): Promise<Map<string, Used>> {
  const number = (name: Parameters<typeof flavorNumber>[1]) => flavorNumber(compute.store, name)
  const disk = sql<number>`${number('rootGb')} + ${number('ephemeralGb')} + (${number('swapMb')} + 1023) / 1024`
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', (eb) => eb.fn.countAll<number>().as('servers')])
    .select([
      sql<number>`count(task_state)`.as('workload'),
      sql<number>`sum(case when vm_state = 'building' or task_state in (${sql.join(IO_TASKS)}) then 1 else 0 end)`.as(
        'ioOps',
      ),
      sql<number>`sum(${number('vcpus')})`.as('vcpus'),
      sql<number>`sum(${number('memoryMb')})`.as('memoryMb'),
      sql<number>`sum(${disk})`.as('diskGb'),
    ])
    .where('deleted_at', 'is', null)
    .where('host', 'is not', null)
    .groupBy('host')
    .execute()
  return new Map(rows.map(({ host, ...used }) => [host!, used]))
}
