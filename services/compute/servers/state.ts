// A server's states: what it is (vm_state), what is being done to it (task_state), and the one word users see.

export const VM_STATES = [
  'active',
  'building',
  'paused',
  'suspended',
  'stopped',
  'rescued',
  'resized',
  'soft-delete',
  'deleted',
  'error',
  'shelved',
  'shelved_offloaded',
] as const
export type VmState = (typeof VM_STATES)[number]

export const TASK_STATES = [
  'scheduling',
  'networking',
  'block_device_mapping',
  'spawning',
  'image_snapshot_pending',
  'image_snapshot',
  'image_pending_upload',
  'image_uploading',
  'image_backup',
  'updating_password',
  'resize_prep',
  'resize_migrating',
  'resize_migrated',
  'resize_finish',
  'resize_reverting',
  'resize_confirming',
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
  'powering-off',
  'powering-on',
  'rescuing',
  'unrescuing',
  'rebuilding',
  'rebuild_block_device_mapping',
  'rebuild_spawning',
  'migrating',
  'deleting',
  'soft-deleting',
  'restoring',
  'shelving',
  'shelving_image_pending_upload',
  'shelving_image_uploading',
  'shelving_offloading',
  'unshelving',
] as const
export type TaskState = (typeof TASK_STATES)[number]

type Words = Partial<Record<TaskState, string>>

const RESIZING: Words = {
  resize_prep: 'RESIZE',
  resize_migrating: 'RESIZE',
  resize_migrated: 'RESIZE',
  resize_finish: 'RESIZE',
}
const REBUILDING: Words = {
  rebuilding: 'REBUILD',
  rebuild_block_device_mapping: 'REBUILD',
  rebuild_spawning: 'REBUILD',
}
const MIGRATING: Words = { migrating: 'MIGRATING' }

const BY_TASK: Partial<Record<VmState, Words>> = {
  active: {
    rebooting: 'REBOOT',
    reboot_pending: 'REBOOT',
    reboot_started: 'REBOOT',
    rebooting_hard: 'HARD_REBOOT',
    reboot_pending_hard: 'HARD_REBOOT',
    reboot_started_hard: 'HARD_REBOOT',
    updating_password: 'PASSWORD',
    ...REBUILDING,
    ...MIGRATING,
    ...RESIZING,
  },
  stopped: { ...RESIZING, ...REBUILDING },
  resized: { resize_reverting: 'REVERT_RESIZE' },
  paused: MIGRATING,
  error: REBUILDING,
}

const BY_VM_STATE: Record<VmState, string> = {
  active: 'ACTIVE',
  building: 'BUILD',
  stopped: 'SHUTOFF',
  resized: 'VERIFY_RESIZE',
  paused: 'PAUSED',
  suspended: 'SUSPENDED',
  rescued: 'RESCUE',
  error: 'ERROR',
  deleted: 'DELETED',
  'soft-delete': 'SOFT_DELETED',
  shelved: 'SHELVED',
  shelved_offloaded: 'SHELVED_OFFLOADED',
}

/** The status of the API. */
export function statusOf(vmState: string, taskState: string | null): string {
  const special = taskState === null ? undefined : BY_TASK[vmState as VmState]?.[taskState as TaskState]
  return special ?? BY_VM_STATE[vmState as VmState] ?? 'UNKNOWN'
}

/** The states that a status may stand for; undefined for a word that is no status. */
export function statesOf(
  status: string,
): { vmStates: string[]; taskStates: (string | null)[] | undefined } | undefined {
  const wanted = status.toUpperCase()
  const special = Object.entries(BY_TASK).flatMap(([vmState, words]) =>
    Object.entries(words).flatMap(([task, word]) => (word === wanted ? [{ vmState, task }] : [])),
  )
  if (special.length > 0) {
    const vmStates = [...new Set(special.map(({ vmState }) => vmState))]
    return { vmStates, taskStates: [...new Set(special.map(({ task }) => task))] }
  }
  const vmStates = Object.entries(BY_VM_STATE)
    .filter(([, word]) => word === wanted)
    .map(([state]) => state)
  return vmStates.length > 0 ? { vmStates, taskStates: undefined } : undefined
}
