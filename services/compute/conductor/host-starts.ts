// A host's agent starts: it is let in or refused, and after a boot of the host what ran there before is started again.
import type { RequestContext } from '@kilonova/base/context'
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { HostStart } from '../agent/conductor-protocol.ts'
import { POWER } from '../agent/power-state.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { begin } from '../servers/lifecycle.ts'
import { stopServer } from '../servers/power.ts'
import type { ServerId } from '../servers/server-id.ts'
import { resumeStateTask } from '../servers/tasks.ts'
import { admitNode } from '../services/admit-node.ts'

/** May run twice: what has been begun is not begun again, and what runs already stays as it is. */
export async function hostStarts(compute: Compute, { host, node, booted }: HostStart): Promise<void> {
  await admitNode(compute, { host, node })
  if (!booted) return
  const ran = await serversThatRan(compute, host)
  const resumes = compute.options.resume_guests_state_on_host_boot
  const what = resumes ? 'they are started again' : 'their servers are stopped'
  log('compute.conductor').warn({ host }, `the host has booted; ${ran.length} of its guests ran before, ${what}`)
  const context = adminContext()
  for (const row of ran) {
    if (resumes) await beginResume(compute, context, row)
    // It did not power itself off: that alone would be its end.
    else if (row.shutdown_terminate) await unlessBusy(row, () => stopServer(compute, context, row.id))
  }
}

/** In the order of their numbers. */
function serversThatRan(compute: Compute, host: string): Promise<ServerRow[]> {
  return tables(compute)
    .selectFrom('compute_servers')
    .selectAll()
    .where('host', '=', host)
    .where('deleted_at', 'is', null)
    .where('power_state', '=', POWER.RUNNING)
    .orderBy('number')
    .execute()
}

function beginResume(compute: Compute, context: RequestContext, row: ServerRow): Promise<void> {
  const input = { serverId: row.id as ServerId, number: row.number, host: row.host! }
  return unlessBusy(row, () =>
    compute.store.transaction(async () => {
      await begin(compute, context, row, 'resumeState')
      await compute.tasks.enqueue(resumeStateTask, { input, context })
    }),
  )
}

/** What is worked on already, and what is not to run, is left to whoever works on it. */
async function unlessBusy({ id, host }: ServerRow, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isFault(error, 'InstanceInvalidState', 'InstanceNotFound', 'TaskConflict')) throw error
    log('compute.conductor').info({ server_id: id, host }, `it is left as it is: ${error.message}`)
  }
}
