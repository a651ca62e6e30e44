// libvirt's errors as the agent's faults.
import { type Fault, isFault } from '@kilonova/base/fault'
import { isLibvirtError } from '@kilonova/libvirt/errors'
import { fault } from '../../faults.ts'

/** The fault for what a call about a guest threw; other errors stay as they are. */
export function domainFault(error: unknown, id: string): unknown {
  if (isFault(error) || !isLibvirtError(error)) return error
  return libvirtFault(error, id)
}

function libvirtFault(error: unknown & { message: string; kind: string }, id: string): Fault {
  const why = error.message
  if (error.kind !== 'libvirt') return fault('HypervisorUnreachable', { why, transient: true }, error)
  if (isLibvirtError(error, 'NO_DOMAIN')) return fault('GuestNotFound', { id }, error)
  if (isLibvirtError(error, 'AGENT_UNRESPONSIVE', 'AGENT_UNSYNCED')) return fault('GuestAgentSilent', { id }, error)
  if (isLibvirtError(error, 'OPERATION_TIMEOUT', 'RESOURCE_BUSY')) return fault('GuestBusy', { id, why }, error)
  return fault('HypervisorFailed', { why }, error)
}
