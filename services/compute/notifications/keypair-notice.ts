// Tells that a key pair is made, imported or removed.
import { adminContext, currentContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import type { ToldKeypair } from './keypair-payload.ts'
import { keypairPayload } from './keypair-payload.ts'
import { tell } from './outbox.ts'

/** Inside the transaction of the change. */
export async function tellOfKeypair(
  compute: Compute,
  action: 'create' | 'import' | 'delete',
  phase: 'start' | 'end',
  keypair: ToldKeypair,
): Promise<void> {
  const { projectId } = currentContext() ?? adminContext()
  const eventType = `keypair.${action}.${phase}`
  await tell(compute, {
    publisher: { service: 'api', host: compute.notifications.host },
    unversioned: {
      eventType,
      payload: { tenant_id: projectId, user_id: keypair.user_id, key_name: keypair.name },
    },
    versioned: { eventType, payload: keypairPayload(keypair) },
  })
}
