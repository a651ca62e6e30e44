// server.snapshot and server.backup: the root disk of a server becomes an image, and the server stays what it is.
import type { TaskKind } from '@kilonova/tasks/saga'
import { saga } from '@kilonova/tasks/saga'
import { actionEvent } from '../servers/instance-action.ts'
import type { TaskState, VmState } from '../servers/state.ts'
import type { BackupServer, SnapshotServer } from '../servers/tasks.ts'
import { backupServerTask, snapshotServerTask } from '../servers/tasks.ts'
import type { Conductor } from './conductor.ts'
import { rotateBackups } from './rotate-backups.ts'
import type { StateOf } from './settle-server.ts'
import { settleFailedFrom, settleFrom } from './settle-server.ts'
import { clearCopy, copyDisk, dropItsImage, expectImage, inStates, removeCopy, sendCopy } from './snapshot-steps.ts'

const SNAPSHOT: readonly TaskState[] = [
  'image_snapshot_pending',
  'image_snapshot',
  'image_pending_upload',
  'image_uploading',
]
const BACKUP: readonly TaskState[] = ['image_backup', 'image_pending_upload', 'image_uploading']
const STATES: Readonly<Record<string, TaskState>> = { copy: 'image_pending_upload', upload: 'image_uploading' }

const asItWas: StateOf = ({ vm_state: before }) => before as VmState

function imageSteps<Input extends SnapshotServer>(
  task: TaskKind<Input>,
  { event, own, states }: { event: string; own: readonly TaskState[]; states: Readonly<Record<string, TaskState>> },
) {
  const notifies = {
    task: 'snapshot',
    details: ({ input }: { input: Input }) => ({ snapshotImageId: input.imageId }),
  } as const
  return saga<Input, Conductor>(task, {
    observe: inStates<Input>(own, states, actionEvent<Input>({ event, notifies })),
  })
    .step('image', { do: expectImage, undo: dropItsImage })
    .step('copy', { do: copyDisk, undo: removeCopy })
    .step('upload', { do: (run) => sendCopy(run, run.done.copy) })
    .step('clean', { do: clearCopy })
}

export const snapshotServer = imageSteps<SnapshotServer>(snapshotServerTask, {
  event: 'compute_snapshot_instance',
  own: SNAPSHOT,
  states: { image: 'image_snapshot', ...STATES },
}).end({
  done: ({ input, deps }) => settleFrom(deps.compute, input.serverId, SNAPSHOT, { progress: 0 }),
  undone: ({ input, deps, error }) =>
    settleFailedFrom(deps.compute, input.serverId, SNAPSHOT, { error, stateOf: asItWas }),
})

export const backupServer = imageSteps<BackupServer>(backupServerTask, {
  event: 'compute_backup_instance',
  own: BACKUP,
  states: STATES,
})
  .step('rotate', { do: ({ input, deps, context }) => rotateBackups(deps.compute, context, input) })
  .end({
    done: ({ input, deps }) => settleFrom(deps.compute, input.serverId, BACKUP, { progress: 0 }),
    undone: ({ input, deps, error }) =>
      settleFailedFrom(deps.compute, input.serverId, BACKUP, { error, stateOf: asItWas }),
  })
