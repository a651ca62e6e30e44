// Rows of compute's tables. Times are milliseconds since 1970; columns named *_json hold JSON text.
import type { Flag } from '@kilonova/store/store'
import type { Generated } from 'kysely'

export interface FlavorRow {
  /** What the API calls the flavor's id. */
  id: string
  name: string
  vcpus: number
  memory_mb: number
  root_gb: number
  ephemeral_gb: number
  swap_mb: number
  rxtx_factor: number
  is_public: Flag
  disabled: Flag
  description: string | null
  created_at: number
}

export interface FlavorExtraSpecRow {
  flavor_id: string
  key: string
  value: string
}

export interface FlavorAccessRow {
  flavor_id: string
  project_id: string
}

export interface KeypairRow {
  user_id: string
  name: string
  type: 'ssh' | 'x509'
  fingerprint: string
  public_key: string
  /** Null on rows older than the column. */
  number: number | null
  created_at: number
}

export interface ServiceRow {
  id: string
  number: number
  host: string
  binary: string
  disabled: Flag
  disabled_reason: string | null
  forced_down: Flag
  /** When it last reported, by the store's clock. */
  last_seen_at: number
  created_at: number
}

export interface ComputeNodeRow {
  /** Made once on the host and kept there. */
  id: string
  number: number
  service_id: string
  host: string
  hypervisor_hostname: string
  /** HostInventory of agent/protocol.ts. */
  inventory_json: string
  /** Builds that failed on it since the last one that did not. */
  failed_builds: Generated<number>
  updated_at: number
  created_at: number
}

export interface AggregateRow {
  id: number
  /** Its id in placement. */
  uuid: string
  name: string
  created_at: number
  updated_at: number | null
}

export interface AggregateHostRow {
  aggregate_id: number
  host: string
}

export interface AggregateMetadataRow {
  aggregate_id: number
  key: string
  value: string
}

export interface ServerGroupRow {
  id: string
  number: number
  project_id: string
  user_id: string
  name: string
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'
  /** Of anti-affinity alone; null is one. */
  max_server_per_host: number | null
  created_at: number
}

export interface ServerGroupMemberRow {
  server_id: string
  group_id: string
}

export interface ServerRow {
  id: string
  /** The number in its domain's name. */
  number: number
  project_id: string
  project_name: string
  user_id: string
  user_name: string
  display_name: string
  description: string | null
  hostname: string
  vm_state: string
  task_state: string | null
  power_state: number
  progress: number
  flavor_id: string
  flavor_name: string
  /** GuestFlavor of agent/guest-spec.ts, as it was at the time. */
  flavor_json: string
  image_id: string | null
  /** GuestImage, as it was at the time. */
  image_json: string | null
  host: string | null
  node: string | null
  availability_zone: string | null
  pinned_availability_zone: string | null
  key_name: string | null
  /** GuestKey[] */
  keys_json: string
  user_data: string | null
  /** Only until the guest has been made. */
  admin_pass: string | null
  /** What its guest posted to the metadata service, encrypted with its key. */
  encrypted_password: string
  config_drive: Flag
  metadata_json: string
  tags_json: string
  /** Names or ids as asked for. */
  security_groups_json: string
  scheduler_hints_json: string
  /** RequestedNetwork[] with the ids of the ports. */
  networks_json: string
  /** GuestVif[] of agent/guest-spec.ts: the cached network_info. */
  network_info_json: string
  /** GuestDisk[] as recorded at creation. */
  disks_json: string
  /** GuestDevice[] */
  devices_json: string
  disk_config: 'AUTO' | 'MANUAL'
  access_ip_v4: string | null
  access_ip_v6: string | null
  reservation_id: string
  launch_index: number
  root_device_name: string | null
  locked_by: 'owner' | 'admin' | null
  locked_reason: string | null
  launched_at: number | null
  terminated_at: number | null
  created_at: number
  updated_at: number
  deleted_at: number | null
}

export interface ServerFaultRow {
  id: Generated<number>
  server_id: string
  code: number
  message: string
  details: string
  host: string | null
  created_at: number
}

export interface RequestSpecRow {
  server_id: string
  spec_json: string
}

export interface InstanceActionRow {
  id: Generated<number>
  server_id: string
  request_id: string
  action: string
  user_id: string | null
  project_id: string | null
  message: string | null
  start_at: number
  finish_at: number | null
  updated_at: number
}

export interface InstanceActionEventRow {
  id: Generated<number>
  action_id: number
  event: string
  host: string | null
  start_at: number
  finish_at: number | null
  result: 'Success' | 'Error' | null
  traceback: string | null
  details: string | null
}

export interface QuotaRow {
  project_id: string
  resource: string
  limit: number
}

export interface CounterRow {
  name: string
  value: number
}

export interface ComputeTables {
  compute_flavors: FlavorRow
  compute_flavor_extra_specs: FlavorExtraSpecRow
  compute_flavor_access: FlavorAccessRow
  compute_keypairs: KeypairRow
  compute_services: ServiceRow
  compute_nodes: ComputeNodeRow
  compute_aggregates: AggregateRow
  compute_aggregate_hosts: AggregateHostRow
  compute_aggregate_metadata: AggregateMetadataRow
  compute_server_groups: ServerGroupRow
  compute_server_group_members: ServerGroupMemberRow
  compute_servers: ServerRow
  compute_server_faults: ServerFaultRow
  compute_request_specs: RequestSpecRow
  compute_instance_actions: InstanceActionRow
  compute_instance_action_events: InstanceActionEventRow
  compute_quotas: QuotaRow
  compute_counters: CounterRow
}
