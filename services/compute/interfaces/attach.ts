// Interfaces that a living server gets and loses. Asked of a task; who attaches waits for its end.
import type { RequestContext } from '@kilonova/base/context'
import { Fault, isFault } from '@kilonova/base/fault'
import type { PlannedNic, RequestedNetwork } from '@kilonova/network/client'
import type { TaskError } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { commandServer, startCommand } from '../servers/command.ts'
import type { ServerNetwork } from '../servers/networks.ts'
import { getServer } from '../servers/store.ts'
import { parsed } from '../servers/view.ts'
import type { AttachInterface } from './schema.ts'
import { attachInterfaceTask, detachInterfaceTask } from './tasks.ts'
import type { ShownInterface } from './view.ts'
import { interfacesOf } from './view.ts'

/** What a create request may not ask is another error here, as the server is there already. */
const STATUS: Record<string, number> = {
  NicPortNotFound: 404,
  NicNetworkNotFound: 404,
  NicPortInUse: 409,
  PortInUse: 409,
  FixedIpAlreadyInUse: 409,
  IpAddressAlreadyAllocated: 409,
  NetworkAmbiguous: 400,
  OverQuota: 403,
}

export async function attachInterface(
  compute: Compute,
  context: RequestContext,
  id: string,
  { interfaceAttachment: asked }: AttachInterface,
): Promise<ShownInterface> {
  const portId = compute.random.uuid()
  const { taskId } = await startCommand(compute, context, {
    id,
    action: 'attachInterface',
    recorded: 'attach_interface',
    task: attachInterfaceTask,
    input: async (row) => ({ nic: await plannedNic(compute, context, row, { asked, portId }) }),
  })
  const { state, error } = await compute.tasks.ended(taskId)
  if (state !== 'done') throw whyNot(id, error)
  const { nic } = (await compute.tasks.get(taskId))!.input as { nic: ServerNetwork }
  const all = await interfacesOf(compute, await getServer(compute, context, id))
  const made = all.find(({ port_id }) => port_id === nic.portId)
  if (!made) throw fault('PortNotFound', { id: nic.portId })
  return made
}

export async function detachInterface(
  compute: Compute,
  context: RequestContext,
  id: string,
  portId: string,
): Promise<void> {
  await commandServer(compute, context, {
    id,
    action: 'detachInterface',
    recorded: 'detach_interface',
    task: detachInterfaceTask,
    input: (row) => {
      const nic = parsed<ServerNetwork[]>(row.networks_json).find((one) => one.portId === portId)
      if (!nic) throw fault('PortNotFound', { id: portId })
      return { nic }
    },
  })
}

interface Wanted {
  asked: AttachInterface['interfaceAttachment']
  /** Of the port, if one is to be made. */
  portId: string
}

async function plannedNic(
  compute: Compute,
  context: RequestContext,
  row: ServerRow,
  { asked, portId }: Wanted,
): Promise<ServerNetwork> {
  const owner = { ...context, projectId: row.project_id }
  const requested = requestedNetwork(asked)
  const planned = await asThis(() => compute.network.validateRequested(owner, requested, { count: 1 }))
  const nic: PlannedNic | undefined = planned[0]
  if (!nic) throw fault('NoNetworkToAttach', { projectId: row.project_id })
  const { networkId, fixedIp, subnetId } = nic
  return {
    networkId,
    fixedIp,
    subnetId,
    portId: nic.portId ?? portId,
    given: nic.portId !== null,
    tag: asked.tag ?? null,
  }
}

function requestedNetwork({ net_id, port_id, fixed_ips }: Wanted['asked']): RequestedNetwork[] | null {
  if (net_id !== undefined && port_id !== undefined)
    throw fault('BadRequest', { message: 'Must not input both network_id and port_id' })
  if (fixed_ips !== undefined && net_id === undefined)
    throw fault('BadRequest', { message: 'Must input network_id when request IP address' })
  if (port_id !== undefined) return [{ portId: port_id }]
  if (net_id === undefined) return null
  const [ip] = fixed_ips ?? []
  return [{ networkId: net_id, ...(ip ? { fixedIp: ip.ip_address } : {}) }]
}

async function asThis<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isFault(error) ? attachFault(error) : error
  }
}

function attachFault(error: Fault): Fault {
  return new Fault({ ...error.toWire(), status: STATUS[error.code] ?? error.status, kind: '' }, error)
}

/** What the task failed for, as its user may know it. */
function whyNot(id: string, error: TaskError | null): Fault {
  const { code, status, kind, message, details } = error ?? {}
  if (code === undefined || status === undefined || kind === undefined || status >= 500 || message === undefined)
    return fault('InterfaceAttachFailed', { id })
  return attachFault(new Fault({ code, status, kind, message, details }))
}
