// Enables, disables and forces down services.
import { asBoolean } from '@kilonova/api/fields'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ServiceRow } from '../schema/tables.ts'
import { markDisabled } from './mark-disabled.ts'
import type { ActOnService, UpdateService } from './schema.ts'
import type { ServiceUpdate } from './store.ts'
import { findService, updateService } from './store.ts'

/** Up to 2.52: `enable`, `disable`, `disable-log-reason`, and from 2.11 `force-down`. Answers the reply's service. */
export async function actOnService(compute: Compute, action: string, asked: ActOnService): Promise<object> {
  const { host, binary } = asked
  const { update, shown } = actionOf(action, asked)
  const row = await updateService(compute, { host, binary }, update)
  if (!row) throw fault('HostBinaryNotFound', { host, binary })
  await markDisabled(compute, row)
  return { host, binary, ...shown }
}

function actionOf(action: string, asked: ActOnService): { update: ServiceUpdate; shown: object } {
  const { disabled_reason: reason, forced_down: forced } = asked
  switch (action) {
    case 'enable':
      return { update: { disabled: 0, disabled_reason: null }, shown: { status: 'enabled' } }
    case 'disable':
      return { update: { disabled: 1, disabled_reason: null }, shown: { status: 'disabled' } }
    case 'disable-log-reason':
      if (reason === undefined) throw fault('BadRequest', { message: 'Missing disabled reason field' })
      return {
        update: { disabled: 1, disabled_reason: reason },
        shown: { status: 'disabled', disabled_reason: reason },
      }
    case 'force-down': {
      if (forced === undefined) throw fault('BadRequest', { message: 'Missing forced_down field' })
      const down = asBoolean(forced)
      return { update: { forced_down: down ? 1 : 0 }, shown: { forced_down: down } }
    }
    default:
      throw fault('UnknownServiceAction', {})
  }
}

/** From 2.53 on. Only nova-compute services are updated. */
export async function changeService(compute: Compute, id: string, asked: UpdateService): Promise<ServiceRow> {
  const service = await findService(compute, id)
  if (!service) throw fault('ServiceNotFound', { id })
  if (service.binary !== 'nova-compute') {
    const message = `Updating a ${service.binary} service is not supported. Only nova-compute services can be updated.`
    throw fault('BadRequest', { message })
  }
  const row = await updateService(compute, { id }, updateOf(asked))
  if (!row) throw fault('ServiceNotFound', { id })
  await markDisabled(compute, row)
  return row
}

function updateOf({ status, disabled_reason: reason, forced_down: forced }: UpdateService): ServiceUpdate {
  if (status === 'enabled' && reason !== undefined) {
    throw fault('BadRequest', { message: "Specifying 'disabled_reason' when status is 'enabled' is invalid." })
  }
  if (status === undefined && forced === undefined) {
    const message = "No updates were requested. Fields 'status' or 'forced_down' should be specified."
    throw fault('BadRequest', { message })
  }
  return {
    ...(status === undefined ? {} : { disabled: status === 'disabled' ? 1 : 0, disabled_reason: reason ?? null }),
    ...(forced === undefined ? {} : { forced_down: asBoolean(forced) ? 1 : 0 }),
  }
}
