// The tasks of a server: names and inputs. Their steps are the conductor's.
import { taskKind } from '@kilonova/tasks/saga'
import type { ServerRow } from '../schema/tables.ts'
import type { ServerId } from './server-id.ts'

const server = ({ serverId }: { serverId: ServerId }) => ({ type: 'server', id: serverId })

export interface BuildServer {
  serverId: ServerId
  /** Hosts on which the build has failed already. */
  excluded: string[]
  /** Why it failed on the last of them; absent at first. */
  lastFailure?: string
  /** The host that the request forces, skipping the filters. */
  forcedHost: string | null
  /** The only host that it may go to, if the filters let it pass; absent in tasks of older code. */
  destination?: string | null
}

export interface RescueServer {
  serverId: ServerId
  /** Its guest ran before. */
  ran: boolean
  /** The image that the request named; null when it named none. */
  rescueImage: string | null
  /** Its host has disks of an earlier rescue, which nothing speaks of any more. */
  leftover: boolean
}

export interface RebuildServer {
  serverId: ServerId
  /** Its guest ran before. */
  ran: boolean
  /** Whether it is off in the end as well. */
  staysOff: boolean
  /** The image is another one, so the host must be right for it. */
  newImage: boolean
  preserveEphemeral: boolean
  /** What the request has changed of the row: as it was, and as it is. */
  before: RebuiltColumns
  after: RebuiltColumns
}

/** Columns that a rebuild may change. */
export type RebuiltColumns = Partial<
  Pick<
    ServerRow,
    | 'display_name'
    | 'description'
    | 'hostname'
    | 'image_id'
    | 'image_json'
    | 'key_name'
    | 'keys_json'
    | 'user_data'
    | 'metadata_json'
    | 'config_drive'
    | 'disk_config'
    | 'access_ip_v4'
    | 'access_ip_v6'
    | 'trusted_certs_json'
  >
>

export interface OfServer {
  serverId: ServerId
}

export interface ResumeState {
  serverId: ServerId
  /** The host that has booted. */
  host: string
  /** Its guests are started one after the other, in the order of their servers' numbers. */
  number: number
}

export interface SnapshotServer extends OfServer {
  /** The image that is to be filled; it exists already. */
  imageId: string
}

export interface BackupServer extends SnapshotServer {
  backupType: string
  /** How many backups of that type are kept. */
  rotation: number
}

export interface OffloadServer extends OfServer {
  /** False when it follows a shelving by itself: then it has no action of its own. */
  asked: boolean
}

export interface UnshelveServer extends OfServer {
  /** The only host that it may go to. */
  host: string | null
}

/** A move to another flavor, another host, or both. */
export interface MoveServer extends OfServer {
  migrationId: string
  /** The one host that it may go to; null: any. */
  onto: string | null
}

/** A move away from a host that is down: nothing can be brought from there. */
export interface EvacuateServer extends MoveServer {
  /** Whether `onto` skips the filters. */
  forced: boolean
  /** Whether it is off in the end. */
  staysOff: boolean
}

/** The end of a move: what is kept of one side goes. */
export interface EndMove extends OfServer {
  migrationId: string
}

export interface ResetState extends OfServer {
  state: 'active' | 'error'
}

export const buildServerTask = taskKind<BuildServer>('server.build', { resource: server })
export const deleteServerTask = taskKind<OfServer>('server.delete', { resource: server, deadline: 24 * 3600 })
/** Puts it away: off, and kept for a while. */
export const softDeleteServerTask = taskKind<OfServer>('server.soft-delete', { resource: server })
export const restoreServerTask = taskKind<OfServer>('server.restore', { resource: server })
export const startServerTask = taskKind<OfServer>('server.start', { resource: server })
export const stopServerTask = taskKind<OfServer>('server.stop', { resource: server })
export const pauseServerTask = taskKind<OfServer>('server.pause', { resource: server })
export const unpauseServerTask = taskKind<OfServer>('server.unpause', { resource: server })
export const suspendServerTask = taskKind<OfServer>('server.suspend', { resource: server })
export const resumeServerTask = taskKind<OfServer>('server.resume', { resource: server })
export const changePasswordTask = taskKind<OfServer>('server.change-password', { resource: server })
export const triggerCrashDumpTask = taskKind<OfServer>('server.trigger-crash-dump', { resource: server })
/** What an admin says of it, once all that was under way has ended. */
export const resetStateTask = taskKind<ResetState>('server.reset-state', { resource: server })
/** Without an action of its own, as nobody asked for it. */
export const resumeStateTask = taskKind<ResumeState>('server.resume-state', { resource: server, deadline: 24 * 3600 })
export const rebootServerTask = taskKind<OfServer>('server.reboot', { resource: server })
export const rescueServerTask = taskKind<RescueServer>('server.rescue', { resource: server })
export const unrescueServerTask = taskKind<OfServer>('server.unrescue', { resource: server })
export const rebuildServerTask = taskKind<RebuildServer>('server.rebuild', { resource: server })
/** A task of its own, since none preempts one of its own name. */
export const hardRebootServerTask = taskKind<OfServer>('server.hard-reboot', { resource: server })
const DAY = 24 * 3600
export const snapshotServerTask = taskKind<SnapshotServer>('server.snapshot', { resource: server, deadline: DAY })
export const backupServerTask = taskKind<BackupServer>('server.backup', { resource: server, deadline: DAY })
export const shelveServerTask = taskKind<SnapshotServer>('server.shelve', { resource: server, deadline: DAY })
export const offloadServerTask = taskKind<OffloadServer>('server.shelve-offload', { resource: server })
export const unshelveServerTask = taskKind<UnshelveServer>('server.unshelve', { resource: server })
/** Of one that still has its guest on its host. */
export const unshelveInPlaceTask = taskKind<OfServer>('server.unshelve-in-place', { resource: server })
/** An image that nobody wants any more goes, after what it was for. */
export const discardImageTask = taskKind<{ imageId: string }>('image.discard', {
  resource: ({ imageId }) => ({ type: 'image', id: imageId }),
  deadline: DAY,
})
/** Disks are copied meanwhile. */
const moving = { resource: server, deadline: DAY }
export const resizeServerTask = taskKind<MoveServer>('server.resize', moving)
export const migrateServerTask = taskKind<MoveServer>('server.migrate', moving)
export const evacuateServerTask = taskKind<EvacuateServer>('server.evacuate', { resource: server })
export const confirmResizeTask = taskKind<EndMove>('server.confirm-resize', { resource: server })
export const revertResizeTask = taskKind<EndMove>('server.revert-resize', { resource: server })
