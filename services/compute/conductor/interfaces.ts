// server.attach-interface and server.detach-interface: a port, and the device that the guest sees of it.
import type { RequestContext } from '@kilonova/base/context'
import { saga } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import type { InterfaceTask } from '../interfaces/tasks.ts'
import { attachInterfaceTask, detachInterfaceTask } from '../interfaces/tasks.ts'
import { actionEvent } from '../servers/instance-action.ts'
import { findServer, updateServer } from '../servers/store.ts'
import type { Conductor } from './conductor.ts'
import { agentOf, LONG_CALL } from './conductor.ts'
import { guestOf, networksOf, serverOf } from './guest.ts'
import { preparePort, releasePort, renewNetworkInfo } from './ports.ts'

interface Work {
  input: InterfaceTask
  deps: Conductor
  context: RequestContext
  signal: AbortSignal
}

/** The port is the server's, and recorded with it. */
function addPort({ input: { serverId, nic }, deps: { compute }, context }: Work): Promise<void> {
  return compute.store.transaction(async () => {
    const row = await serverOf(compute, serverId)
    const owner = { ...context, projectId: row.project_id }
    await preparePort(compute, owner, { row, nic, host: row.host!, securityGroupIds: [] })
    await keepNics(compute, serverId, [...networksOf(row).filter(({ portId }) => portId !== nic.portId), nic])
  })
}

/** It is gone, or free again, and the server knows it no more. */
function removePort({ input: { serverId, nic }, deps: { compute }, context }: Work): Promise<void> {
  return compute.store.transaction(async () => {
    const row = await findServer(compute, serverId)
    if (!row) return
    await releasePort(compute, context, row, nic)
    const left = networksOf(row).filter(({ portId }) => portId !== nic.portId)
    await keepNics(compute, serverId, left)
  })
}

async function keepNics(compute: Compute, serverId: string, nics: InterfaceTask['nic'][]): Promise<void> {
  await updateServer(compute, serverId, { networks_json: JSON.stringify(nics) })
  await renewNetworkInfo(compute, serverId)
}

/** The server's host, guest and row, while the port is one of its own; a server that goes takes its devices along. */
async function withPort({ input: { serverId, nic }, deps }: Work) {
  const row = await findServer(deps.compute, serverId)
  if (!row || row.host === null || row.task_state === 'deleting') return undefined
  const guest = guestOf(row)
  if (!guest.vifs.some(({ portId }) => portId === nic.portId)) return undefined
  return { agent: agentOf(deps, row.host), request: { guest, portId: nic.portId } }
}

/** The guest has the device, now and after its next start. */
async function plug(run: Work): Promise<void> {
  const found = await withPort(run)
  if (!found) return
  const devices = await found.agent.attachInterface(found.request, { timeout: LONG_CALL, signal: run.signal })
  await updateServer(run.deps.compute, run.input.serverId, { devices_json: JSON.stringify(devices) })
}

async function unplug(run: Work): Promise<void> {
  const found = await withPort(run)
  if (!found) return
  const devices = await found.agent.detachInterface(found.request, { timeout: LONG_CALL, signal: run.signal })
  await updateServer(run.deps.compute, run.input.serverId, { devices_json: JSON.stringify(devices) })
}

export const attachInterface = saga<InterfaceTask, Conductor>(attachInterfaceTask, {
  observe: actionEvent({ event: 'compute_attach_interface', notifies: 'interface_attach' }),
})
  .step('port', { do: addPort, undo: removePort })
  .step('device', { do: plug, undo: unplug })
  .end()

export const detachInterface = saga<InterfaceTask, Conductor>(detachInterfaceTask, {
  observe: actionEvent({ event: 'compute_detach_interface', notifies: 'interface_detach' }),
})
  .step('device', { do: unplug, undo: plug })
  .step('port', { do: removePort })
  .end()
