// server.revert-resize: the guest goes back to what it was on the source. Until the records say so it can return to what
// it is; from then on everything leads forward.
import { saga } from '@kilonova/tasks/saga'
import { POWER } from '../agent/power-state.ts'
import { columnsOf, disksOnlyOf, withVolumesOf } from '../migrations/side.ts'
import { migrationOf, updateMigration } from '../migrations/store.ts'
import type { ServerRow } from '../schema/tables.ts'
import { actionEvents } from '../servers/instance-action.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { EndMove } from '../servers/tasks.ts'
import { revertResizeTask } from '../servers/tasks.ts'
import { claimBack, sidesOf } from './claim-move.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { serverOf } from './guest.ts'
import { bindPorts, bringBack, bringUp, cleanHost, destroyIfUp, guestOn } from './move-guest.ts'
import { untilPlugged } from './plugged.ts'
import { keepFlavor } from './scheduling-request.ts'
import { settleFailedFrom, settleFrom } from './settle-server.ts'

interface Revert {
  input: EndMove
  deps: Conductor
}

async function revertOf({ input, deps: { compute } }: Revert) {
  const row = await serverOf(compute, input.serverId)
  const migration = await migrationOf(compute, input.migrationId)
  const { before: kept, after } = sidesOf(migration)
  const before = withVolumesOf(kept, row)
  return {
    ...{ row, before, after },
    isReverted: migration.status === 'reverted',
    wasRunning: migration.old_vm_state === 'active',
  }
}

const isRunning = ({ power_state: power }: ServerRow): boolean => power === POWER.RUNNING

/** Claims, row, stored request and migration say so at once. */
async function goBack(run: Revert, devices: string): Promise<void> {
  const { compute } = run.deps
  await compute.store.transaction(async () => {
    const { row, before, isReverted } = await revertOf(run)
    if (isReverted) return
    await claimBack(compute, row, run.input.migrationId)
    await updateServer(compute, row.id, { ...columnsOf(before), devices_json: devices })
    await keepFlavor(compute, row.id, { id: before.flavorId, ...before.flavor })
    await updateMigration(compute, run.input.migrationId, { status: 'reverted' })
  })
}

/** Of what the server was to be nothing is left. */
async function cleanTarget(run: Revert, signal: AbortSignal): Promise<void> {
  const { input, deps } = run
  const { row, before, after } = await revertOf(run)
  if (before.host !== after.host) return cleanHost(deps, input, after.host!, signal)
  const disks = disksOnlyOf(after, before)
  await agentOf(deps, before.host).removeDisks({ id: row.id, disks }, { timeout: LONG_CALL, signal })
}

async function settleReverted(run: Revert): Promise<void> {
  const { row, wasRunning } = await revertOf(run)
  const state = wasRunning
    ? ({ vm_state: 'active', power_state: POWER.RUNNING } as const)
    : ({ vm_state: 'stopped', power_state: POWER.SHUTDOWN } as const)
  await settleFrom(run.deps.compute, row.id, 'resize_reverting', state)
}

export const revertResize = saga<EndMove, Conductor>(revertResizeTask, {
  observe: actionEvents(
    [
      { event: 'compute_revert_resize', begins: 'off' },
      { event: 'compute_finish_revert_resize', begins: 'guest' },
    ],
    { task: 'resize_revert' },
  ),
})
  .step('off', {
    do: async (run) => {
      const { row, after } = await revertOf(run)
      await destroyIfUp(run.deps, row.id, after.host!, run.signal)
    },
    undo: async (run) => {
      const { row, after, isReverted } = await revertOf(run)
      const up = { host: after.host!, running: isRunning(row), signal: run.signal }
      if (!isReverted) await bringBack(run.deps, row, up)
    },
    timeout: LONG_CALL / 1000,
  })
  .step('ports', {
    do: async (run) => {
      const { row, before } = await revertOf(run)
      await bindPorts(run.deps.compute, run.context, row, before)
    },
    undo: async (run) => {
      const { row, after, isReverted } = await revertOf(run)
      if (!isReverted) await bindPorts(run.deps.compute, run.context, row, after)
    },
  })
  .step('guest', {
    do: async (run) => {
      const { row, before, wasRunning } = await revertOf(run)
      const up = { host: before.host, running: wasRunning, signal: run.signal }
      return bringUp(run.deps, guestOn(row, before), up)
    },
    undo: async (run) => {
      const { row, before, isReverted } = await revertOf(run)
      if (!isReverted) await destroyIfUp(run.deps, row.id, before.host, run.signal)
    },
    timeout: LONG_CALL / 1000,
  })
  .step('plugged', {
    do: async ({ input, deps: { compute }, waited }) =>
      untilPlugged(compute, await serverOf(compute, input.serverId), waited),
  })
  .step('switch', {
    do: async (run) => {
      await goBack(run, JSON.stringify(run.done.guest))
      await cleanTarget(run, run.signal)
    },
    undo: async (run) => {
      const { isReverted } = await revertOf(run)
      if (isReverted) await cleanTarget(run, run.signal)
    },
    timeout: LONG_CALL / 1000,
  })
  .end({
    done: settleReverted,
    undone: async (run) => {
      const { compute } = run.deps
      if (!(await findServer(compute, run.input.serverId))) return
      const { isReverted } = await revertOf(run)
      if (isReverted) return settleReverted(run)
      await updateMigration(compute, run.input.migrationId, { status: 'finished' })
      const failed = { error: run.error, stateOf: () => 'resized' as const }
      await settleFailedFrom(compute, run.input.serverId, 'resize_reverting', failed)
    },
  })
