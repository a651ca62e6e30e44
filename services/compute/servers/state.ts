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
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'reboot_pending_hard',
  'reboot_started_hard',
  'powering-off',
  'powering-on',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
  'deleting',
] as const
export type TaskState = (typeof TASK_STATES)[number]

const BY_TASK: Partial<Record<VmState, Partial<Record<TaskState, string>>>> = {
  active: {
    rebooting: 'REBOOT',
    reboot_pending: 'REBOOT',
    reboot_started: 'REBOOT',
    rebooting_hard: 'HARD_REBOOT',
    reboot_pending_hard: 'HARD_REBOOT',
    reboot_started_hard: 'HARD_REBOOT',
  },
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
  for (const [vmState, byTask] of Object.entries(BY_TASK)) {
    const taskStates = Object.entries(byTask)
      .filter(([, word]) => word === wanted)
      .map(([task]) => task)
    if (taskStates.length > 0) return { vmStates: [vmState], taskStates }
  }
  const vmStates = Object.entries(BY_VM_STATE)
    .filter(([, word]) => word === wanted)
    .map(([state]) => state)
  return vmStates.length > 0 ? { vmStates, taskStates: undefined } : undefined
}
