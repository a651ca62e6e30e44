// The tasks on a server's interfaces: names and inputs.
import { taskKind } from '@kilonova/tasks/saga'
import type { ServerNetwork } from '../servers/networks.ts'
import type { OfServer } from '../servers/tasks.ts'

export interface InterfaceTask extends OfServer {
  nic: ServerNetwork
}

const server = ({ serverId }: InterfaceTask) => ({ type: 'server', id: serverId })

export const attachInterfaceTask = taskKind<InterfaceTask>('server.attach-interface', { resource: server })
export const detachInterfaceTask = taskKind<InterfaceTask>('server.detach-interface', { resource: server })
