// Tells of work on a server: that it starts, ended or failed.
import type { RequestContext } from '@kilonova/base/context'
import { adminContext, currentContext } from '@kilonova/base/context'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { instanceName } from '../instance-name.ts'
import type { Failure } from './exception-payload.ts'
import { exceptionPayload, unversionedFailure } from './exception-payload.ts'
import { flavorPayload } from './flavor-payload.ts'
import { keypairPayload } from './keypair-payload.ts'
import type { NoticeName } from './notices.ts'
import { noticeOf } from './notices.ts'
import { novaObject } from './nova-object.ts'
import type { Publisher, Told } from './outbox.ts'
import { tell } from './outbox.ts'
import type { ServerFacts } from './server-facts.ts'
import { flavorFacts, keypairFacts, serverFacts } from './server-facts.ts'
import { serverData } from './server-payload.ts'
import { fixedIps, unversionedServer } from './unversioned-server.ts'
import { tellOfUsage } from './usage-notice.ts'

export type Phase = 'start' | 'end' | 'error'

/** What some notices say besides the server: each needs its own. */
export interface NoticeDetails {
  /** rescue */
  rescueImageId?: string | null
  /** snapshot */
  snapshotImageId?: string | null
  /** resize_prep */
  newFlavor?: GuestFlavor & { id: string }
  /** volume_attach, volume_detach, and the old one of volume_swap */
  volumeId?: string
  /** volume_swap */
  newVolumeId?: string
  /** The host that says it, where that is not the server's. */
  host?: string
}

export interface ServerNotice {
  name: NoticeName
  serverId: string
  /** Absent for what is told once. */
  phase?: Phase
  details?: NoticeDetails
  failure?: Failure | undefined
  /** Default: compute on the server's host. */
  service?: Publisher['service']
}

/** Inside the transaction of what it tells, after the server was changed. */
export async function tellOfServer(compute: Compute, notice: ServerNotice): Promise<void> {
  if (!compute.notifications.on) return
  const { name, phase, failure, service = 'compute' } = notice
  const facts = await serverFacts(compute, notice.serverId)
  if (!facts) return
  const host = service === 'compute' ? (notice.details?.host ?? facts.row.host) : null
  const publisher = { service, host: host ?? compute.notifications.host }
  if (phase === 'error' && !noticeOf(name).error) {
    if (failure) await tell(compute, { publisher, versioned: exception(failure, name) })
    return
  }
  if (phase === 'start' && noticeOf(name).usage) await tellOfUsage(compute, publisher, facts)
  await tell(compute, { publisher, ...(await formsOf(compute, notice, facts)) })
}

const exception = (failure: Failure, work: string): Told['versioned'] => ({
  eventType: 'compute.exception',
  priority: 'ERROR',
  payload: exceptionPayload(failure, work),
})

async function formsOf(compute: Compute, notice: ServerNotice, facts: ServerFacts): Promise<Omit<Told, 'publisher'>> {
  const { name, phase } = notice
  const { unversioned, payload = ['InstanceActionPayload', '1.9'] } = noticeOf(name)
  const suffix = phase ? `.${phase}` : ''
  const priority = phase === 'error' ? { priority: 'ERROR' } : {}
  const context = currentContext() ?? adminContext()
  const data = await versionedData(compute, notice, facts, context)
  return {
    versioned: { eventType: `instance.${name}${suffix}`, payload: novaObject(...payload, data), ...priority },
    ...(unversioned === undefined
      ? {}
      : {
          unversioned: {
            eventType: `compute.instance.${unversioned}${suffix}`,
            payload: unversionedData(notice, facts),
            ...priority,
          },
        }),
  }
}

function unversionedData({ name, phase, failure }: ServerNotice, facts: ServerFacts): Record<string, unknown> {
  return {
    ...unversionedServer(facts),
    ...(phase === 'end' && noticeOf(name).addresses ? { fixed_ips: fixedIps(facts) } : {}),
    ...(phase === 'end' && name === 'create' ? { message: 'Success' } : {}),
    ...(phase === 'error' && failure ? unversionedFailure(failure) : {}),
  }
}

async function versionedData(
  compute: Compute,
  { name, phase, failure, details = {} }: ServerNotice,
  facts: ServerFacts,
  context: RequestContext,
): Promise<Record<string, unknown>> {
  return {
    ...serverData(facts, context),
    fault: phase === 'error' && failure ? exceptionPayload(failure, name) : null,
    ...(await additions(compute, name, facts, details)),
  }
}

async function additions(
  compute: Compute,
  name: NoticeName,
  facts: ServerFacts,
  details: NoticeDetails,
): Promise<Record<string, unknown>> {
  const { row } = facts
  switch (noticeOf(name).payload?.[0]) {
    case 'InstanceCreatePayload':
      return {
        keypairs: (await keypairFacts(compute, row)).map(keypairPayload),
        tags: JSON.parse(row.tags_json),
        trusted_image_certificates: null,
        instance_name: instanceName(row.number),
      }
    case 'InstanceActionRebuildPayload':
      return { trusted_image_certificates: null }
    case 'InstanceActionRescuePayload':
      return { rescue_image_ref: details.rescueImageId ?? null }
    case 'InstanceActionSnapshotPayload':
      return { snapshot_image_id: details.snapshotImageId ?? null }
    case 'InstanceActionResizePrepPayload': {
      const { id, ...flavor } = details.newFlavor ?? facts.flavor
      return { new_flavor: flavorPayload(await flavorFacts(compute, id, flavor)) }
    }
    case 'InstanceActionVolumePayload':
      return { volume_id: details.volumeId ?? null }
    case 'InstanceActionVolumeSwapPayload':
      return { old_volume_id: details.volumeId ?? null, new_volume_id: details.newVolumeId ?? null }
    default:
      return {}
  }
}
