// The invariants of events: what the stream told of a server is, change by change, what became of it.
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'

interface Server {
  id: string
  vm_state: string
  task_state: string | null
  power_state: number
}

interface Told {
  old_state: string | null
  state: string
  old_task_state: string | null
  task_state: string | null
  power_state: number
}

/** One sentence for each server whose events do not lead, without a gap, from nothing to its row. */
export async function eventProblems(compute: Compute, servers: readonly Server[]): Promise<string[]> {
  const events = await tables(compute).selectFrom('compute_events').selectAll().orderBy('id').execute()
  const byServer = Map.groupBy(events, ({ server_id }) => server_id)
  return servers.flatMap((server) => {
    const told = (byServer.get(server.id) ?? []).map(({ data_json }) => JSON.parse(data_json) as Told)
    return [...gaps(server, told), ...wrongEnd(server, told.at(-1))]
  })
}

function gaps({ id }: Server, told: readonly Told[]): string[] {
  return told.flatMap(({ old_state, old_task_state }, index) => {
    const before = told[index - 1]
    if (old_state === (before?.state ?? null) && old_task_state === (before?.task_state ?? null)) return []
    return [`event ${index} of server ${id} does not begin where the one before ended`]
  })
}

function wrongEnd({ id, vm_state, task_state, power_state }: Server, last: Told | undefined): string[] {
  const right = last?.state === vm_state && last.task_state === task_state && last.power_state === power_state
  return right ? [] : [`the last event of server ${id} says ${JSON.stringify(last)}`]
}
