// What can be told of the work on a server: Nova's names, and what each adds to the payload.

interface Notice {
  /** After `compute.instance.`; absent: Nova tells it only as versioned. */
  readonly unversioned?: string
  /** The versioned payload; absent: InstanceActionPayload. */
  readonly payload?: readonly [name: string, version: string]
  /** Whether its failure has a notification of its own. */
  readonly error?: true
  /** Told once, not at start and end. */
  readonly once?: true
  /** Told together with the server's usage until now, before what it uses changes. */
  readonly usage?: true
  /** The end also tells the server's addresses. */
  readonly addresses?: true
}

const REBUILD = ['InstanceActionRebuildPayload', '1.10'] as const
const RESIZE_PREP = ['InstanceActionResizePrepPayload', '1.4'] as const
const VOLUME = ['InstanceActionVolumePayload', '1.7'] as const
const VOLUME_SWAP = ['InstanceActionVolumeSwapPayload', '1.9'] as const

// biome-ignore format: a table
export const notices = {
  create:          { unversioned: 'create', payload: ['InstanceCreatePayload', '1.13'], error: true, addresses: true },
  delete:          { unversioned: 'delete' },
  shutdown:        { unversioned: 'shutdown' },
  soft_delete:     { unversioned: 'soft_delete' },
  restore:         { unversioned: 'restore' },
  power_on:        { unversioned: 'power_on' },
  power_off:       { unversioned: 'power_off' },
  reboot:          { unversioned: 'reboot', error: true },
  pause:           { unversioned: 'pause' },
  unpause:         { unversioned: 'unpause' },
  suspend:         { unversioned: 'suspend' },
  resume:          { unversioned: 'resume' },
  rebuild:         { unversioned: 'rebuild', payload: REBUILD, error: true, addresses: true, usage: true },
  rebuild_scheduled: { unversioned: 'rebuild.scheduled', payload: REBUILD, once: true },
  evacuate:        { unversioned: 'evacuate', once: true },
  resize:          { unversioned: 'resize', error: true },
  resize_prep:     { unversioned: 'resize.prep', payload: RESIZE_PREP, usage: true },
  resize_finish:   { unversioned: 'finish_resize', addresses: true },
  resize_confirm:  { unversioned: 'resize.confirm' },
  resize_revert:   { unversioned: 'resize.revert', usage: true },
  rescue:          { unversioned: 'rescue', payload: ['InstanceActionRescuePayload', '1.4'], usage: true },
  unrescue:        { unversioned: 'unrescue' },
  shelve:          { unversioned: 'shelve' },
  shelve_offload:  { unversioned: 'shelve_offload' },
  unshelve:        { unversioned: 'unshelve' },
  snapshot:        { unversioned: 'snapshot', payload: ['InstanceActionSnapshotPayload', '1.10'] },
  trigger_crash_dump: { unversioned: 'trigger_crash_dump' },
  lock:            { once: true },
  unlock:          { once: true },
  interface_attach: { error: true },
  interface_detach: {},
  volume_attach:   { payload: VOLUME, error: true },
  volume_detach:   { payload: VOLUME },
  volume_swap:     { payload: VOLUME_SWAP, error: true },
  live_migration_pre:      { unversioned: 'live_migration.pre' },
  live_migration_post:     { unversioned: 'live_migration._post' },
  live_migration_post_dest: { unversioned: 'live_migration.post.dest' },
  live_migration_rollback: { unversioned: 'live_migration._rollback' },
  live_migration_rollback_dest: { unversioned: 'live_migration.rollback.dest' },
  live_migration_abort:    { unversioned: 'live.migration.abort' },
  live_migration_force_complete: { unversioned: 'live.migration.force.complete' },
} as const satisfies Record<string, Notice>

export type NoticeName = keyof typeof notices

export const noticeOf = (name: NoticeName): Notice => notices[name]
