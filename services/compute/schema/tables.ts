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
  /** GuestFile[], only until they are on its config drive; null is none. */
  files_json: string | null
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
  /** GuestRescue: what its host has for its rescue; null while that is nothing. */
  rescue_json: string | null
  /** string[]: ids of certificates; null is none. */
  trusted_certs_json: string | null
  disk_config: 'AUTO' | 'MANUAL'
  access_ip_v4: string | null
  access_ip_v6: string | null
  reservation_id: string
  launch_index: number
  root_device_name: string | null
  /** It is deleted when its guest powers itself off. */
  shutdown_terminate: Flag
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

export interface ShelvedServerRow {
  server_id: string
  /** The image of its root disk. */
  image_id: string
  shelved_at: number
}

export interface MigrationRow {
  id: number
  /** Its consumer in placement while the server has a claim on both sides. */
  uuid: string
  server_id: string
  /** Who asked for it. */
  user_id: string | null
  project_id: string | null
  migration_type: 'resize' | 'migration' | 'live-migration' | 'evacuation'
  /** MigrationStatus of migrations/status.ts. */
  status: string
  source_compute: string
  source_node: string
  dest_compute: string | null
  dest_node: string | null
  /** The address of the destination. */
  dest_host: string | null
  /** Side of migrations/side.ts: the server as it was. */
  before_json: string
  /** Side: the server as it is to be; its host and disks are settled on the way. */
  after_json: string
  /** The vm_state that it began in. */
  old_vm_state: string
  /** The host that was down when the guest's files were to be removed from it. */
  uncleaned_host: string | null
  /** Bytes, of live migrations alone. */
  memory_total: number | null
  memory_processed: number | null
  memory_remaining: number | null
  disk_total: number | null
  disk_processed: number | null
  disk_remaining: number | null
  created_at: number
  updated_at: number
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

export interface QuotaClassRow {
  class_name: string
  resource: string
  limit: number
}

export interface CounterRow {
  name: string
  value: number
}

/** A change of a server, as readers of the event stream get it. */
export interface EventRow {
  id: Generated<number>
  event: 'server.create' | 'server.update' | 'server.delete'
  project_id: string
  server_id: string
  data_json: string
  created_at: number
}

/** A block device that a server's user asked for, as Nova keeps it. What is null was left to image, flavor and host. */
export interface BlockDeviceMappingRow {
  id: string
  server_id: string
  /** Its place in the request, from 0. */
  position: number
  source_type: 'image' | 'blank' | 'volume' | 'snapshot'
  destination_type: 'local' | 'volume'
  /** `swap`, or an ephemeral disk's file system */
  guest_format: string | null
  device_type: string | null
  disk_bus: string | null
  /** 0 boots first; negative or null: never */
  boot_index: number | null
  /** As asked for; the host names its disks itself */
  device_name: string | null
  /** GB, of swap MB */
  volume_size: number | null
  /** For local disks: the images_type */
  volume_type: string | null
  delete_on_termination: 0 | 1
  image_id: string | null
  volume_id: string | null
  snapshot_id: string | null
  tag: string | null
  created_at: number
}

/** A notification that is still to be delivered. */
export interface NotificationRow {
  id: Generated<number>
  topic: 'notifications' | 'versioned_notifications'
  event_type: string
  /** oslo.messaging's envelope. */
  envelope_json: string
  created_at: number
}

export interface ConsoleAuthTokenRow {
  /** SHA-256 of the token. */
  token_hash: string
  server_id: string
  user_id: string
  /** The server's host, and where on it the console is handed out. */
  host: string
  address: string
  port: number
  console_type: 'novnc' | 'serial'
  /** What its user's link begins with. */
  access_url_base: string
  /** The identity token that it was asked for with, readable only with the console's token. */
  sealed_token: string
  created_at: number
  expires_at: number
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
  compute_block_device_mapping: BlockDeviceMappingRow
  compute_shelved_servers: ShelvedServerRow
  compute_migrations: MigrationRow
  compute_instance_actions: InstanceActionRow
  compute_instance_action_events: InstanceActionEventRow
  compute_quotas: QuotaRow
  compute_quota_classes: QuotaClassRow
  compute_counters: CounterRow
  compute_events: EventRow
  compute_notifications: NotificationRow
  compute_console_auth_tokens: ConsoleAuthTokenRow
}
