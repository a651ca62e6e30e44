// Each task of servers: how its user asks for it, what its server is in the end, and what is recorded of it.
import type { ServerCommands } from './server-commands.ts'

export interface ServerAsk {
  /** Tasks that bring a new server into the state from which it is asked, each awaited. */
  after?: readonly string[]
  ask: (commands: ServerCommands, id: string) => Promise<void>
  /** The vm_state in the end. */
  done: string
  /** The name of the instance action. */
  action: string
  /** Names that its events may have: one for each attempt. */
  events: readonly string[]
  /** It has all of them, or when it failed the first ones. */
  inOrder?: boolean
}

type Acts = Omit<ServerAsk, 'ask' | 'events'> & { does: string; event: string }

/** A task that is asked for by an action without argument. */
const act = ({ does, event, ...more }: Acts): ServerAsk => ({
  ...more,
  ask: (commands, id) => commands.act(id, does),
  events: [event],
})

const build: ServerAsk = {
  ask: () => Promise.reject(new Error('it makes its server')),
  done: 'active',
  action: 'create',
  events: ['schedule_instances', 'compute__do_build_and_run_instance'],
}
const reboot = { done: 'active', action: 'reboot', events: ['compute_reboot_instance'] }
const password = { done: 'active', action: 'changePassword', events: ['compute_set_admin_password'] }
const attach = { done: 'active', action: 'attach_interface', events: ['compute_attach_interface'] }
const detach = { done: 'active', action: 'detach_interface', events: ['compute_detach_interface'] }
const snapshot = { done: 'active', action: 'createImage', events: ['compute_snapshot_instance'] }
const backup = { done: 'active', action: 'createBackup', events: ['compute_backup_instance'] }
const unshelving = ['get_image_info', 'schedule_instances', 'compute_unshelve_instance']
const unshelve = { done: 'active', action: 'unshelve', events: unshelving, inOrder: true }
const moved = [
  'conductor_migrate_server',
  'cold_migrate',
  'compute_prep_resize',
  'compute_resize_instance',
  'compute_finish_resize',
]
const resized = { done: 'resized', inOrder: true, events: moved }
const reverted = ['compute_revert_resize', 'compute_finish_revert_resize']
const remove = { action: 'delete', done: 'deleted', events: ['compute_terminate_instance'] }
const putAway = { action: 'delete', done: 'soft-delete', events: ['compute_soft_delete_instance'] }

const rescue = { done: 'rescued', action: 'rescue', events: ['compute_rescue_instance'] }
const anew = { done: 'active', inOrder: true, events: ['rebuild_server', 'compute_rebuild_instance'] }
const rebuild = { ...anew, action: 'rebuild' }
/** All that a rebuild may change. */
const REBUILT = { name: 'other', hostname: 'other', description: 'anew', metadata: { a: 'b' }, user_data: 'dGVzdA==' }

// biome-ignore format: a table
export const serverAsks: Record<string, ServerAsk> = {
  'server.build':       build,
  'server.delete':      { ...remove, ask: (commands, id) => commands.delete(id) },
  'server.soft-delete': { ...putAway, ask: (commands, id) => commands.softDelete(id) },
  'server.restore':     act({ after: ['server.soft-delete'], does: 'restore', done: 'active', action: 'restore', event: 'compute_restore_instance' }),
  'server.start':       act({ after: ['server.stop'], does: 'os-start', done: 'active', action: 'start', event: 'compute_start_instance' }),
  'server.stop':        act({ does: 'os-stop', done: 'stopped', action: 'stop', event: 'compute_stop_instance' }),
  'server.reboot':      { ...reboot, ask: (commands, id) => commands.reboot(id, 'SOFT') },
  'server.hard-reboot': { ...reboot, ask: (commands, id) => commands.reboot(id, 'HARD') },
  'server.pause':       act({ does: 'pause', done: 'paused', action: 'pause', event: 'compute_pause_instance' }),
  'server.unpause':     act({ after: ['server.pause'], does: 'unpause', done: 'active', action: 'unpause', event: 'compute_unpause_instance' }),
  'server.suspend':     act({ does: 'suspend', done: 'suspended', action: 'suspend', event: 'compute_suspend_instance' }),
  'server.trigger-crash-dump': act({ does: 'trigger_crash_dump', done: 'active', action: 'trigger_crash_dump', event: 'compute_trigger_crash_dump' }),
  'server.change-password': { ...password, ask: (commands, id) => commands.act(id, 'changePassword', { adminPass: 'secret' }) },
  'server.attach-interface': { ...attach, ask: (commands, id) => commands.attachInterface(id) },
  'server.detach-interface': { ...detach, ask: (commands, id) => commands.detachInterface(id) },
  'server.snapshot':    { ...snapshot, ask: (commands, id) => commands.act(id, 'createImage', { name: 'snapshot' }) },
  'server.backup':      { ...backup, ask: (commands, id) => commands.act(id, 'createBackup', { name: 'backup', backup_type: 'daily', rotation: 1 }) },
  'server.shelve':      act({ does: 'shelve', done: 'shelved', action: 'shelve', event: 'compute_shelve_instance' }),
  'server.shelve-offload': act({ after: ['server.shelve'], does: 'shelveOffload', done: 'shelved_offloaded', action: 'shelveOffload', event: 'compute_shelve_offload_instance' }),
  'server.unshelve-in-place': act({ after: ['server.shelve'], does: 'unshelve', done: 'active', action: 'unshelve', event: 'compute_unshelve_instance' }),
  'server.unshelve':    { ...unshelve, after: ['server.shelve', 'server.shelve-offload'], ask: (commands, id) => commands.act(id, 'unshelve') },
  'server.rescue':      { ...rescue, ask: (commands, id) => commands.rescue(id) },
  'server.unrescue':    act({ after: ['server.rescue'], does: 'unrescue', done: 'active', action: 'unrescue', event: 'compute_unrescue_instance' }),
  'server.rebuild':     { ...rebuild, ask: (commands, id) => commands.rebuild(id, REBUILT) },
  'server.resume':      act({ after: ['server.suspend'], does: 'resume', done: 'active', action: 'resume', event: 'compute_resume_instance' }),
  'server.reset-state': { done: 'active', action: 'resetState', events: ['api_reset_state'], ask: (commands, id) => commands.resetState(id, 'active') },
  'server.resize':         { ...resized, action: 'resize', ask: (commands, id) => commands.resize(id) },
  'server.migrate':        { ...resized, action: 'migrate', ask: (commands, id) => commands.act(id, 'migrate') },
  'server.evacuate':       { ...anew, action: 'evacuate', ask: (commands, id) => commands.evacuate(id) },
  'server.confirm-resize': act({ after: ['server.resize'], does: 'confirmResize', done: 'active', action: 'confirmResize', event: 'compute_confirm_resize' }),
  'server.revert-resize':  { after: ['server.resize'], ask: (commands, id) => commands.act(id, 'revertResize'), done: 'active', action: 'revertResize', events: reverted, inOrder: true },
}
