// The tasks of a server: names and inputs. Their steps are the conductor's.
import { taskKind } from '@kilonova/tasks/saga'
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
}

export interface OfServer {
  serverId: ServerId
}

export const buildServerTask = taskKind<BuildServer>('server.build', { resource: server })
export const deleteServerTask = taskKind<OfServer>('server.delete', { resource: server, deadline: 24 * 3600 })
export const startServerTask = taskKind<OfServer>('server.start', { resource: server })
export const stopServerTask = taskKind<OfServer>('server.stop', { resource: server })
export const pauseServerTask = taskKind<OfServer>('server.pause', { resource: server })
export const unpauseServerTask = taskKind<OfServer>('server.unpause', { resource: server })
export const suspendServerTask = taskKind<OfServer>('server.suspend', { resource: server })
export const resumeServerTask = taskKind<OfServer>('server.resume', { resource: server })
export const rebootServerTask = taskKind<OfServer>('server.reboot', { resource: server })
/** A task of its own, since none preempts one of its own name. */
export const hardRebootServerTask = taskKind<OfServer>('server.hard-reboot', { resource: server })
