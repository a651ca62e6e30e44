// What the servers of each host use by their flavors, computed anew each time.
import { sql } from 'kysely'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { flavorNumber } from '../flavor-json.ts'
import type { IsolatedRole } from '../isolated-role.ts'
import { ISOLATED_CLASS, ISOLATED_SPEC } from '../isolated-role.ts'
import type { Side } from '../migrations/side.ts'
import { LEAVING } from '../migrations/status.ts'
import { unfinishedMigrations } from '../migrations/store.ts'

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

const IO_TASKS: readonly string[] = [
  'resize_prep',
  'resize_migrating',
  'rebuilding',
  'image_snapshot',
  'image_backup',
  'unshelving',
  'rescuing',
]

/** Whether a server of that task state is being moved or copied. */
export const isIoTask = (task: string | null): boolean => task !== null && IO_TASKS.includes(task)

export const NOTHING_USED: Used = { servers: 0, workload: 0, ioOps: 0, vcpus: 0, memoryMb: 0, diskGb: 0 }

/** By host, of these or of all; a host without servers is not there. */
export async function usedByHost(compute: Compute, hosts?: readonly string[]): Promise<Map<string, Used>> {
  const number = (name: Parameters<typeof flavorNumber>[1]) => flavorNumber(compute.store, name)
  const onFiles = (role: IsolatedRole, name: 'rootGb' | 'ephemeralGb') =>
    sql<number>`case when ${isIsolated(role)} then 0 else ${number(name)} end`
  const swap = sql<number>`(${number('swapMb')} + 1023) / 1024`
  const disk = sql<number>`${onFiles('root', 'rootGb')} + ${onFiles('ephemeral', 'ephemeralGb')} + ${swap}`
  const rows = await tables(compute)
    .selectFrom('compute_servers')
    .select(['host', (eb) => eb.fn.countAll<number>().as('servers')])
    .select([
      sql<number>`count(task_state)`.as('workload'),
      sql<number>`sum(case when vm_state = 'building' or task_state in (${sql.join(IO_TASKS)}) then 1 else 0 end)`.as(
        'ioOps',
      ),
      sql<number>`sum(vcpus)`.as('vcpus'),
      sql<number>`sum(memory_mb)`.as('memoryMb'),
      sql<number>`sum(${disk})`.as('diskGb'),
    ])
    .where('deleted_at', 'is', null)
    .where('vm_state', '!=', 'shelved_offloaded')
    .where('host', 'is not', null)
    .$if(hosts !== undefined, (query) => query.where('host', 'in', hosts!))
    .groupBy('host')
    .execute()
  const used = new Map<string, Used>(rows.map(({ host, ...of }) => [host!, of]))
  for (const { host, flavor } of await otherSides(compute, hosts)) {
    const { vcpus, memoryMb, diskGb, ...rest } = used.get(host) ?? NOTHING_USED
    const disk = flavor.rootGb + flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024)
    const sum = { vcpus: vcpus + flavor.vcpus, memoryMb: memoryMb + flavor.memoryMb, diskGb: diskGb + disk }
    used.set(host, { ...rest, ...sum })
  }
  return used
}

/** What servers that move have besides what their rows say: where they go to, later where they came from. */
async function otherSides(
  compute: Compute,
  hosts: readonly string[] | undefined,
): Promise<{ host: string; flavor: GuestFlavor }[]> {
  const rows = await unfinishedMigrations(compute, hosts)
  return rows.flatMap(({ status, before_json, after_json }) => {
    const isLeaving = (LEAVING as readonly string[]).includes(status)
    const { host, flavor } = JSON.parse(isLeaving ? after_json : before_json) as Side
    return host === null || (hosts && !hosts.includes(host)) ? [] : [{ host, flavor }]
  })
}

/** Whether that disk of the flavor is a whole device, by the text of its extra specs. */
function isIsolated(role: IsolatedRole) {
  const named = (wanted: IsolatedRole) => sql`flavor_json like ${`%"${ISOLATED_SPEC}":"${wanted}"%`}`
  if (role === 'ephemeral') return named(role)
  const counted = sql`flavor_json like ${`%"resources:${ISOLATED_CLASS}":%`}`
  const none = sql`flavor_json like ${`%"resources:${ISOLATED_CLASS}":"0"%`}`
  return sql`(${named('root')} or (${counted} and not ${none} and not ${named('ephemeral')}))`
}
