// The payload of compute.instance.* notifications, which every one of them has.
import { micros } from '../time.ts'
import type { AuditPeriod } from './audit-period.ts'
import type { ServerFacts } from './server-facts.ts'
import type { ServerUpdate } from './server-payload.ts'

/** `2012-10-29 13:42:11+00:00` */
const pythonTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}+00:00`
const time = (at: number | null): string => micros(at) ?? ''

export function unversionedServer({ row, flavor, image }: ServerFacts): Record<string, unknown> {
  const properties = image?.properties ?? {}
  return {
    tenant_id: row.project_id,
    user_id: row.user_id,
    instance_id: row.id,
    display_name: row.display_name,
    reservation_id: row.reservation_id,
    hostname: row.hostname,
    instance_type: flavor.name,
    instance_type_id: null, // flavors have no number besides their id
    instance_flavor_id: flavor.id,
    architecture: properties['hw_architecture'] ?? properties['architecture'] ?? null,
    memory_mb: flavor.memoryMb,
    disk_gb: flavor.rootGb + flavor.ephemeralGb,
    vcpus: flavor.vcpus,
    root_gb: flavor.rootGb,
    ephemeral_gb: flavor.ephemeralGb,
    host: row.host,
    node: row.node,
    availability_zone: row.availability_zone,
    cell_name: '',
    created_at: pythonTime(row.created_at),
    terminated_at: time(row.terminated_at),
    deleted_at: time(row.deleted_at),
    launched_at: time(row.launched_at),
    image_ref_url: row.image_id,
    os_type: properties['os_type'] ?? null,
    kernel_id: properties['kernel_id'] ?? '',
    ramdisk_id: properties['ramdisk_id'] ?? '',
    state: row.vm_state,
    state_description: row.task_state ?? '',
    progress: row.progress === 0 ? '' : row.progress,
    access_ip_v4: row.access_ip_v4,
    access_ip_v6: row.access_ip_v6,
    image_meta: imageMeta({ flavor, image }),
    metadata: JSON.parse(row.metadata_json),
  }
}

/** What the server keeps of its image, without the prefix `image_` of Nova's system metadata. */
function imageMeta({ flavor, image }: Pick<ServerFacts, 'flavor' | 'image'>): Record<string, string> {
  if (image === null) return {}
  return {
    ...image.properties,
    base_image_ref: image.id,
    disk_format: image.diskFormat,
    min_disk: String(Math.max(image.minDisk, flavor.rootGb)),
    min_ram: String(image.minRam),
  }
}

export function unversionedUpdate(facts: ServerFacts, update: ServerUpdate): Record<string, unknown> {
  const { states, period, oldDisplayName } = update
  return {
    ...unversionedServer(facts),
    old_state: states.oldState,
    state: states.state,
    old_task_state: states.oldTaskState,
    new_task_state: states.newTaskState,
    ...unversionedPeriod(period),
    ...(oldDisplayName === null ? {} : { old_display_name: oldDisplayName }),
  }
}

export function unversionedPeriod({ beginning, ending }: AuditPeriod): Record<string, string> {
  return { audit_period_beginning: time(beginning), audit_period_ending: time(ending) }
}

/** The addresses that the end of a build, a rebuild or a resize tells. */
export function fixedIps({ vifs }: ServerFacts): object[] {
  return vifs.flatMap(({ network, mac }) =>
    network.subnets.flatMap(({ version, ips }) =>
      ips.map(({ address, floatingIps }) => ({
        ...{ address, version, type: 'fixed', label: network.label, vif_mac: mac, meta: {} },
        floating_ips: floatingIps.map((floating) => ({ address: floating, version: 4, type: 'floating', meta: {} })),
      })),
    ),
  )
}
