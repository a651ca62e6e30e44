// Servers as replies show them: the long form, with what stands beside a row.
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { groupOfServer } from '../server-groups/store.ts'
import { hostStatuses } from '../services/host-status.ts'
import { pluginFields } from './plugin-fields.ts'
import { newestFaults } from './store.ts'
import { addressesOf, serverView } from './view.ts'

type Asked = Pick<Call, 'context' | 'at' | 'allows' | 'url'>
type Shown = Record<string, unknown>

/** These rows, in few statements however many they are. */
export async function viewsOf(compute: Compute, call: Asked, rows: ServerRow[]): Promise<Shown[]> {
  const failed = rows.filter((row) => row.vm_state === 'error' || row.deleted_at !== null)
  const faults = await newestFaults(
    compute,
    failed.map(({ id }) => id),
  )
  const statuses =
    call.at('2.16') && call.allows('servers:show:host_status') ? await hostStatuses(compute) : new Map<string, string>()
  const groups = await compute.network.serverGroupNames(
    call.context,
    rows.map(({ id }) => id),
  )
  const added = await pluginFields(compute, call, rows)
  return rows.map((row) => {
    const beside = {
      fault: faults.get(row.id),
      hostStatus: statuses.get(row.host ?? '') ?? '',
      groups: groups.get(row.id) ?? [],
    }
    return Object.assign(serverView(call, row, beside), added.get(row.id))
  })
}

export async function viewOf(compute: Compute, call: Asked, row: ServerRow): Promise<Shown> {
  const [view] = await viewsOf(compute, call, [row])
  const group = call.at('2.71') ? await groupOfServer(compute, row.id) : undefined
  return { ...view, server_groups: group ? [group.id] : [] }
}

/** As replies to changes show it: before 2.75 they said less of addresses. */
export async function changedViewOf(compute: Compute, call: Asked, row: ServerRow): Promise<Shown> {
  const view = await viewOf(compute, call, row)
  if (call.at('2.75') || row.vm_state === 'building') return view
  const addresses = Object.entries(addressesOf(row)).map(([label, listed]) => {
    return [label, listed.map(({ addr, version }) => ({ addr, version }))] as const
  })
  return { ...view, addresses: Object.fromEntries(addresses) }
}
