// server.confirm-resize: what the server was goes. There is no way back: one that fails can be asked for again.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { fault } from '../faults.ts'
import { disksOnlyOf } from '../migrations/side.ts'
import { migrationOf, uncleanedHosts, unfinishedOf, updateMigration } from '../migrations/store.ts'
import type { MigrationRow, ServerRow } from '../schema/tables.ts'
import { actionEvent } from '../servers/instance-action.ts'
import type { VmState } from '../servers/state.ts'
import type { EndMove } from '../servers/tasks.ts'
import { confirmResizeTask } from '../servers/tasks.ts'
import { isHostUp } from '../services/liveness.ts'
import { sidesOf } from './claim-move.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { serverOf } from './guest.ts'
import { cleanHost } from './move-guest.ts'
import { lookAtGuest, settleFailedFrom, settleFrom } from './settle-server.ts'

/** What was kept of the source is gone; on the same host that is its disks alone. */
async function cleanSource(deps: Conductor, row: ServerRow, migration: MigrationRow, signal: AbortSignal) {
  const { before, after } = sidesOf(migration)
  if (before.host !== after.host) {
    const of = { serverId: row.id, migrationId: migration.uuid }
    return cleanHost(deps, of, before.host, signal)
  }
  if (!(await isHostUp(deps.compute, before.host))) throw fault('ServiceUnavailable', {})
  const limits = { timeout: LONG_CALL, signal }
  await agentOf(deps, before.host).removeDisks({ id: row.id, disks: disksOnlyOf(before, after) }, limits)
}

const isOther = ({ vm_state: state }: ServerRow): boolean => state !== 'resized'
const asItWas = ({ vm_state: state }: ServerRow): VmState => state as VmState

/** Stopped only when its guest is known to be off; one that an admin has given another state keeps that. */
const asItsGuest = (row: ServerRow): VmState => {
  if (isOther(row)) return asItWas(row)
  return row.power_state === POWER.SHUTDOWN || row.power_state === POWER.CRASHED ? 'stopped' : 'active'
}

export const confirmResize = saga<EndMove, Conductor>(confirmResizeTask, {
  observe: actionEvent({ event: 'compute_confirm_resize', notifies: 'resize_confirm' }),
})
  .step('source', {
    do: async ({ input, deps, signal }) => {
      const row = await serverOf(deps.compute, input.serverId)
      await cleanSource(deps, row, await migrationOf(deps.compute, input.migrationId), signal)
    },
    timeout: LONG_CALL / 1000,
  })
  .step('guest', { do: ({ input, deps }) => lookAtGuest(deps, input.serverId) })
  .end({
    done: async ({ input, deps: { compute } }) => {
      await compute.placement.release(input.migrationId)
      await updateMigration(compute, input.migrationId, { status: 'confirmed' })
      const row = await serverOf(compute, input.serverId)
      await settleFrom(compute, row.id, 'resize_confirming', { vm_state: asItsGuest(row) })
    },
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, 'resize_confirming', { error, stateOf: asItWas }),
  })

/** For a server that is deleted: nothing of it is left on hosts that it moved from or to. */
export async function leaveOtherHosts(deps: Conductor, row: ServerRow, signal: AbortSignal): Promise<void> {
  const migration = await unfinishedOf(deps.compute, row.id)
  const moving = migration ? [migration.source_compute, migration.dest_compute] : []
  const hosts = new Set([...moving, ...(await uncleanedHosts(deps.compute, row.id))])
  hosts.delete(row.host)
  for (const host of hosts) {
    // One that is down removes the guest itself when it comes back and finds that its server is gone.
    if (host === null || !(await isHostUp(deps.compute, host))) continue
    await agentOf(deps, host).destroyGuest({ id: row.id }, { timeout: LONG_CALL, signal })
    await agentOf(deps, host).deleteFiles({ id: row.id }, { timeout: LONG_CALL, signal })
  }
}

/** For a server that is deleted: its move claims nothing any more. */
export async function endMove({ compute }: Conductor, serverId: string): Promise<void> {
  const migration = await unfinishedOf(compute, serverId)
  if (!migration) return
  await compute.store.transaction(async () => {
    await compute.placement.release(migration.uuid)
    await updateMigration(compute, migration.uuid, { status: 'confirmed' })
  })
}
