// That work on a server failed before a host had it: compute_task.*
import type { Compute } from '../compute.ts'
import type { Failure } from './exception-payload.ts'
import { exceptionPayload } from './exception-payload.ts'
import { novaObject } from './nova-object.ts'
import { tell } from './outbox.ts'
import { serverFacts } from './server-facts.ts'
import { unversionedServer } from './unversioned-server.ts'

export interface ComputeTaskNotice {
  serverId: string
  /** Nova's name of the conductor's work, such as build_instances. */
  method: string
  failure: Failure
}

/** Inside the transaction that ended the work, after it. */
export async function tellOfComputeTask(
  compute: Compute,
  { serverId, method, failure }: ComputeTaskNotice,
): Promise<void> {
  const facts = compute.notifications.on ? await serverFacts(compute, serverId) : undefined
  if (!facts) return
  const { vm_state: state } = facts.row
  const about = { instance_id: serverId, state, method, reason: failure.message }
  const data = { instance_uuid: serverId, request_spec: null, state, reason: exceptionPayload(failure, method) }
  await tell(compute, {
    publisher: { service: 'conductor', host: compute.notifications.host },
    unversioned: {
      eventType: `compute_task.${method}`,
      priority: 'ERROR',
      payload: { ...about, request_spec: {}, instance_properties: unversionedServer(facts) },
    },
    versioned: {
      eventType: `compute_task.${method}.error`,
      priority: 'ERROR',
      payload: novaObject('ComputeTaskPayload', '1.0', data),
    },
  })
}
