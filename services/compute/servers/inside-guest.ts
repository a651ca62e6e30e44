// What is asked of the system inside a guest: a new password of its administrator, a dump of its kernel.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestImage } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { commandServer } from './command.ts'
import { updateServer } from './store.ts'
import { changePasswordTask, triggerCrashDumpTask } from './tasks.ts'
import { parsed } from './view.ts'

/** The password stands in the server's row until the guest has it, and never in a task's record. */
export function changePassword(compute: Compute, context: RequestContext, id: string, password: string) {
  return commandServer(compute, context, {
    id,
    action: 'changePassword',
    recorded: 'changePassword',
    task: changePasswordTask,
    input: async (row) => {
      if (!hasGuestAgent(row)) throw fault('GuestAgentNotEnabled', {})
      await updateServer(compute, id, { admin_pass: password })
      return {}
    },
  })
}

export function triggerCrashDump(compute: Compute, context: RequestContext, id: string) {
  const [action, recorded] = ['crashDump', 'trigger_crash_dump'] as const
  return commandServer(compute, context, { id, action, recorded, task: triggerCrashDumpTask, input: () => ({}) })
}

function hasGuestAgent({ image_json: image }: ServerRow): boolean {
  const said = image === null ? undefined : parsed<GuestImage>(image).properties['hw_qemu_guest_agent']
  return /^(1|t|true|on|y|yes)$/i.test(said ?? '')
}
