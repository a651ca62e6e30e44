// evacuate: a server whose host is down is made anew on another, from its image and with its ports.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestDisk } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { Side } from '../migrations/side.ts'
import { sideOf } from '../migrations/side.ts'
import { insertMigration, unfinishedOf } from '../migrations/store.ts'
import { tellOfServer } from '../notifications/server-notice.ts'
import type { ServerRow } from '../schema/tables.ts'
import { isHostUp } from '../services/liveness.ts'
import { commandServer } from './command.ts'
import { giveUpTasks } from './give-up.ts'
import { newPassword } from './names.ts'
import { getServer, updateServer } from './store.ts'
import type { EvacuateServer } from './tasks.ts'
import { evacuateServerTask } from './tasks.ts'
import { parsed } from './view.ts'
import { refuseVtpm } from './vtpm.ts'

export interface Evacuate {
  id: string
  /** The one host that it may go to; null: any. */
  host: string | null
  /** Whether the named host skips the filters. */
  forced: boolean
  /** Whether it is off in the end, also if it ran; one that was off stays so anyway. */
  endsStopped: boolean
  adminPass: string | undefined
}

/** Answers the password that the server gets. It takes the place of whatever is under way, but for a delete. */
export async function evacuateServer(compute: Compute, context: RequestContext, asked: Evacuate): Promise<string> {
  const { id, host, forced, adminPass = newPassword(compute.random) } = asked
  const seen = await getServer(compute, context, id)
  await refuseHost(compute, seen, host)
  refuseVtpm(seen, 'evacuate')
  await commandServer<EvacuateServer>(compute, context, {
    ...{ id, action: 'evacuate', recorded: 'evacuate', task: evacuateServerTask, preempts: () => true },
    input: async (row) => {
      await refuseServer(compute, row)
      await giveUpTasks(compute, id, { but: evacuateServerTask.name, why: 'the server is evacuated' })
      await updateServer(compute, id, { admin_pass: adminPass, files_json: null })
      const migrationId = await begin(compute, context, row, host)
      await tellOfServer(compute, { name: 'evacuate', serverId: id, service: 'api' })
      return { migrationId, onto: host, forced, staysOff: asked.endsStopped || row.vm_state === 'stopped' }
    },
  })
  return adminPass
}

async function refuseHost(compute: Compute, row: ServerRow, host: string | null): Promise<void> {
  if (host === null) return
  const node = tables(compute).selectFrom('compute_nodes').select('id').where('host', '=', host)
  if (!(await node.executeTakeFirst())) throw fault('EvacuateHostNotFound', { host })
  if (host === row.host) throw fault('EvacuateToSameHost', {})
}

/** What must not be preempted: it goes, or goes elsewhere already. */
const GOING: readonly (string | null)[] = ['deleting', 'soft-deleting']

async function refuseServer(compute: Compute, row: ServerRow): Promise<void> {
  const { id, host, task_state: state } = row
  if (await isHostUp(compute, host!)) throw fault('ComputeServiceInUse', { host: host! })
  if (GOING.includes(state)) throw invalid(id, 'task_state', String(state))
  const live = await compute.tasks.list({ live: true, resource: { type: 'server', id } })
  const running = live.filter((task) => task.state !== 'stuck').map(({ name }) => name)
  if (running.includes(evacuateServerTask.name)) throw invalid(id, 'task_state', String(state ?? 'rebuilding'))
  // The move that a task works on is undone before the evacuation begins.
  const unfinished = running.length > 0 ? undefined : await unfinishedOf(compute, id)
  if (unfinished) throw invalid(id, 'migration status', unfinished.status)
  refuseDisks(row)
}

const invalid = (id: string, attribute: string, state: string) =>
  fault('InstanceInvalidState', { id, action: 'evacuate', attribute, state })

/** Only what an image or nothing at all was copied to can be made anew. */
function refuseDisks({ id, image_json, disks_json }: ServerRow): void {
  const cannot = (why: string) => fault('CannotEvacuate', { id, why })
  if (image_json === null) throw cannot('it has no image from which its disks could be made anew.')
  for (const { target, backend, role } of parsed<GuestDisk[]>(disks_json)) {
    if (backend === 'isolated') throw cannot(`its disk ${target} is a whole device of its host.`)
    if (role === 'volume') throw cannot(`its disk ${target} is a volume that its host has.`)
  }
}

async function begin(compute: Compute, context: RequestContext, row: ServerRow, host: string | null): Promise<string> {
  const uuid = compute.random.uuid()
  const before = sideOf(row)
  const after: Side = { ...before, host: null, node: null, zone: null, disks: [], devices: [], rootDeviceName: null }
  await insertMigration(compute, {
    ...{ uuid, type: 'evacuation', status: 'accepted', destination: host },
    ...{ serverId: row.id, userId: context.userId, projectId: context.projectId },
    before: { ...before, host: row.host!, node: row.node! },
    ...{ after, oldVmState: row.vm_state },
  })
  return uuid
}
