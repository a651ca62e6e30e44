// InstancePayload and those that extend it.
import type { RequestContext } from '@kilonova/base/context'
import type { GuestVif } from '../agent/guest-spec.ts'
import { POWER } from '../agent/power-state.ts'
import { seconds } from '../time.ts'
import type { AuditPeriod } from './audit-period.ts'
import { flavorPayload } from './flavor-payload.ts'
import type { NovaObject } from './nova-object.ts'
import { novaObject } from './nova-object.ts'
import type { ServerFacts } from './server-facts.ts'

const POWER_WORDS: Record<number, string> = {
  [POWER.NOSTATE]: 'pending',
  [POWER.RUNNING]: 'running',
  [POWER.PAUSED]: 'paused',
  [POWER.SHUTDOWN]: 'shutdown',
  [POWER.CRASHED]: 'crashed',
  [POWER.SUSPENDED]: 'suspended',
}

const time = (at: number | null): string | null => (at === null ? null : seconds(at))

/** The data that every notification of a server has. Volumes are not told, as with `bdms_in_notifications` false. */
export function serverData({ row, flavor, image, vifs }: ServerFacts, context: RequestContext) {
  const properties = image?.properties ?? {}
  return {
    uuid: row.id,
    tenant_id: row.project_id,
    user_id: row.user_id,
    reservation_id: row.reservation_id,
    display_name: row.display_name,
    display_description: row.description,
    host_name: row.hostname,
    host: row.host,
    node: row.node,
    availability_zone: row.availability_zone,
    architecture: properties['hw_architecture'] ?? properties['architecture'] ?? null,
    os_type: properties['os_type'] ?? null,
    image_uuid: row.image_id,
    kernel_id: properties['kernel_id'] ?? '',
    ramdisk_id: properties['ramdisk_id'] ?? '',
    key_name: row.key_name,
    metadata: JSON.parse(row.metadata_json),
    flavor: flavorPayload(flavor),
    state: row.vm_state,
    task_state: row.task_state,
    power_state: POWER_WORDS[row.power_state] ?? 'pending',
    progress: row.progress,
    locked: row.locked_by !== null,
    locked_reason: row.locked_reason,
    auto_disk_config: row.disk_config,
    block_devices: [],
    shares: [],
    ip_addresses: ipPayloads(vifs),
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
    launched_at: time(row.launched_at),
    terminated_at: time(row.terminated_at),
    deleted_at: time(row.deleted_at),
    request_id: context.requestId,
    action_initiator_user: context.userId,
    action_initiator_project: context.projectId,
  }
}

function ipPayloads(vifs: readonly GuestVif[]): NovaObject[] {
  return vifs.flatMap(({ network, mac, portId, tap }) =>
    network.subnets.flatMap(({ version, ips }) =>
      ips.map(({ address }) =>
        novaObject('IpPayload', '1.0', {
          ...{ label: network.label, mac, meta: {}, port_uuid: portId },
          ...{ version, address, device_name: tap },
        }),
      ),
    ),
  )
}

export interface StateUpdate {
  oldState: string | null
  state: string
  oldTaskState: string | null
  newTaskState: string | null
}

export interface ServerUpdate {
  states: StateUpdate
  period: AuditPeriod
  oldDisplayName: string | null
}

export function serverUpdatePayload(
  facts: ServerFacts,
  context: RequestContext,
  { states, period, oldDisplayName }: ServerUpdate,
): NovaObject {
  return novaObject('InstanceUpdatePayload', '2.1', {
    ...serverData(facts, context),
    state_update: novaObject('InstanceStateUpdatePayload', '1.0', {
      old_state: states.oldState,
      state: states.state,
      old_task_state: states.oldTaskState,
      new_task_state: states.newTaskState,
    }),
    audit_period: auditPeriodPayload(period),
    old_display_name: oldDisplayName,
    tags: JSON.parse(facts.row.tags_json),
  })
}

export function auditPeriodPayload({ beginning, ending }: AuditPeriod): NovaObject {
  return novaObject('AuditPeriodPayload', '1.0', {
    audit_period_beginning: seconds(beginning),
    audit_period_ending: seconds(ending),
  })
}
