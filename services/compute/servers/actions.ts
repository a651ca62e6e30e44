// Which action may start from which state of a server, and where it leads.
import type { TaskState, VmState } from './state.ts'

export interface Action {
  /** The name in refusals. */
  readonly name: string
  readonly from: readonly VmState[] | 'any'
  /** Task states in which it may start; null is none. */
  readonly task: readonly (TaskState | null)[] | 'any'
  /** It must have run once. */
  readonly launched: boolean
  /** A locked server refuses it, but for admins. */
  readonly refusedWhenLocked: boolean
  readonly needsHost: boolean
  /** Null for work that users do not see in the task state. */
  readonly meanwhile: TaskState | null
  /** What the server is when it is done, unless it failed; null: what it was. */
  readonly becomes: VmState | null
}

const idle: readonly null[] = [null]
const usual = { task: idle, launched: true, refusedWhenLocked: true, needsHost: true } as const
const REBOOTABLE: readonly (TaskState | null)[] = [
  null,
  'rebooting',
  'reboot_pending',
  'reboot_started',
  'rebooting_hard',
  'pausing',
  'unpausing',
  'suspending',
  'resuming',
]

const anywhere = { ...usual, needsHost: false } as const
const always = { from: 'any', task: 'any', launched: false, needsHost: false, refusedWhenLocked: true } as const
const RUNS_OR_STOPPED = ['active', 'stopped', 'paused', 'suspended'] as const

// biome-ignore format: a table
export const actions = {
  start:         { ...usual, name: 'start', from: ['stopped'], meanwhile: 'powering-on', becomes: 'active' },
  stop:          { ...usual, name: 'stop', from: ['active', 'error'], meanwhile: 'powering-off', becomes: 'stopped' },
  forceStop:     { ...usual, name: 'stop', from: ['stopped', 'paused'], meanwhile: 'powering-off', becomes: 'stopped' },
  resumeState:   { ...usual, name: 'resume_state', from: ['active', 'rescued', 'resized'], meanwhile: 'powering-on', becomes: null },
  rebootSoft:    { ...usual, name: 'reboot', from: ['active'], meanwhile: 'rebooting', becomes: 'active' },
  rebootHard:    { ...usual, name: 'reboot', from: [...RUNS_OR_STOPPED, 'error'], meanwhile: 'rebooting_hard', task: REBOOTABLE, becomes: 'active' },
  pause:         { ...usual, name: 'pause', from: ['active'], meanwhile: 'pausing', becomes: 'paused' },
  unpause:       { ...usual, name: 'unpause', from: ['paused'], meanwhile: 'unpausing', becomes: 'active' },
  suspend:       { ...usual, name: 'suspend', from: ['active'], meanwhile: 'suspending', becomes: 'suspended' },
  resume:        { ...usual, name: 'resume', from: ['suspended'], meanwhile: 'resuming', becomes: 'active' },
  rescue:        { ...usual, name: 'rescue', from: ['active', 'stopped', 'error'], meanwhile: 'rescuing', becomes: 'rescued' },
  unrescue:      { ...usual, name: 'unrescue', from: ['rescued'], meanwhile: 'unrescuing', becomes: 'active' },
  rebuild:       { ...usual, name: 'rebuild', from: ['active', 'stopped', 'error'], meanwhile: 'rebuilding', becomes: 'active' },
  resize:        { ...usual, name: 'resize', from: ['active', 'stopped'], meanwhile: 'resize_prep', becomes: 'resized' },
  migrate:       { ...usual, name: 'migrate', from: ['active', 'stopped'], meanwhile: 'resize_prep', becomes: 'resized' },
  evacuate:      { ...usual, name: 'evacuate', from: ['active', 'stopped', 'error'], meanwhile: 'rebuilding', task: 'any', refusedWhenLocked: false, becomes: 'active' },
  confirmResize: { ...usual, name: 'confirmResize', from: ['resized'], meanwhile: 'resize_confirming', becomes: 'active' },
  confirmLeft:   { ...anywhere, name: 'confirmResize', from: [...RUNS_OR_STOPPED, 'error'], meanwhile: 'resize_confirming', becomes: null },
  revertResize:  { ...usual, name: 'revertResize', from: ['resized'], meanwhile: 'resize_reverting', becomes: 'active' },
  shelve:        { ...usual, name: 'shelve', from: RUNS_OR_STOPPED, meanwhile: 'shelving', becomes: 'shelved' },
  shelveOffload: { ...anywhere, name: 'shelveOffload', from: ['shelved'], meanwhile: 'shelving_offloading', becomes: 'shelved_offloaded' },
  unshelve:      { ...anywhere, name: 'unshelve', from: ['shelved', 'shelved_offloaded'], meanwhile: 'unshelving', becomes: 'active' },
  createImage:   { ...usual, name: 'createImage', from: RUNS_OR_STOPPED, meanwhile: 'image_snapshot_pending', refusedWhenLocked: false, becomes: null },
  createBackup:  { ...usual, name: 'createBackup', from: RUNS_OR_STOPPED, meanwhile: 'image_backup', refusedWhenLocked: false, becomes: null },
  changePassword: { ...usual, name: 'changePassword', from: ['active'], meanwhile: 'updating_password', becomes: null },
  crashDump:     { ...usual, name: 'trigger_crash_dump', from: ['active', 'paused', 'rescued', 'resized', 'error'], meanwhile: null, becomes: null },
  attachInterface: { ...usual, name: 'attach_interface', from: ['active', 'paused', 'stopped'], meanwhile: null, becomes: null },
  detachInterface: { ...usual, name: 'detach_interface', from: ['active', 'paused', 'stopped'], meanwhile: null, becomes: null },
  addSecurityGroup:    { ...always, name: 'addSecurityGroup', refusedWhenLocked: false, meanwhile: null, becomes: null },
  removeSecurityGroup: { ...always, name: 'removeSecurityGroup', refusedWhenLocked: false, meanwhile: null, becomes: null },
  delete:        { ...always, name: 'delete', meanwhile: 'deleting', becomes: 'deleted' },
  softDelete:    { ...always, name: 'delete', meanwhile: 'soft-deleting', launched: true, becomes: 'soft-delete' },
  forceDelete:   { ...always, name: 'forceDelete', meanwhile: 'deleting', becomes: 'deleted' },
  restore:       { ...anywhere, name: 'restore', from: ['soft-delete'], meanwhile: 'restoring', becomes: 'active' },
} as const satisfies Record<string, Action>

export type ActionName = keyof typeof actions
