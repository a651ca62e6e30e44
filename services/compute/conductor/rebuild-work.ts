// What is recorded and told of a server whose disks are made anew, on its host or on another.
import type { TaskEvent } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { tellOfServer } from '../notifications/server-notice.ts'
import { actionEvents } from '../servers/instance-action.ts'
import type { OfServer } from '../servers/tasks.ts'
import type { Observed } from '../servers/work-notices.ts'
import { beginsAt, workNotices } from '../servers/work-notices.ts'

/** Begins with the step `host`; the host's own part, which users see as an event of its own, with `image`. */
export function rebuildWork<Input extends OfServer>() {
  const record = actionEvents<Input>([
    { event: 'rebuild_server', begins: 'host' },
    { event: 'compute_rebuild_instance', begins: 'image' },
  ])
  const tell = workNotices<Input>({ task: 'rebuild', unbegun: 'rebuild_server' }, 'image')
  return async (event: TaskEvent, run: Observed<Input>): Promise<void> => {
    if (beginsAt(event, 'image')) await tellScheduled(run.deps.compute, run.input.serverId)
    await record(event, run)
    await tell(event, run, 'host' in run.done)
  }
}

const tellScheduled = (compute: Compute, serverId: string): Promise<void> =>
  tellOfServer(compute, { name: 'rebuild_scheduled', serverId, service: 'conductor' })
