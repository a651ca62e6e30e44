// Nova's versioned notifications as its documentation's samples show them: which payload each event has, and of each
// object its version and the types that its fields were seen with. Facts of github.com/openstack/nova (Apache-2.0),
// doc/notification_samples.

/** `name:type`, types joined by `|`; `[X]` is a list; a capital begins the name of an object. */
export interface Shape {
  version: string
  fields: string
}

/** Of every payload about a server. */
// biome-ignore format: a table
const SERVER =
  'action_initiator_project:string action_initiator_user:string architecture:null|string auto_disk_config:string ' +
  'availability_zone:null|string block_devices:[BlockDevicePayload] created_at:string deleted_at:null|string ' +
  'display_description:string display_name:string flavor:FlavorPayload host:null|string host_name:string ' +
  'image_uuid:string ip_addresses:[IpPayload] kernel_id:string key_name:string launched_at:null|string ' +
  'locked:boolean locked_reason:null|string metadata:dict node:null|string os_type:null power_state:string ' +
  'progress:integer ramdisk_id:string request_id:string reservation_id:string shares:[SharePayload] state:string ' +
  'task_state:null|string tenant_id:string terminated_at:null|string updated_at:null|string user_id:string ' +
  'uuid:string'

// biome-ignore format: a table
export const shapes: Record<string, Shape> = {
  AggregateCachePayload: {
    version: '1.0',
    fields:
      'host:string id:integer images_cached:[string] images_failed:[] index:integer name:string total:integer ' +
      'uuid:string',
  },
  AggregatePayload: {
    version: '1.1',
    fields:
      'hosts:[string]|null id:integer|null metadata:dict name:string uuid:string',
  },
  AuditPeriodPayload: { version: '1.0', fields: 'audit_period_beginning:string audit_period_ending:string' },
  BlockDevicePayload: {
    version: '1.0',
    fields:
      'boot_index:null delete_on_termination:boolean device_name:string tag:null volume_id:string',
  },
  ComputeTaskPayload: {
    version: '1.0',
    fields:
      'instance_uuid:string reason:ExceptionPayload request_spec:RequestSpecPayload state:string',
  },
  ExceptionPayload: {
    version: '1.1',
    fields:
      'exception:string exception_message:string function_name:string module_name:string traceback:string',
  },
  FlavorPayload: {
    version: '1.4',
    fields:
      'description:null disabled:boolean ephemeral_gb:integer extra_specs:dict|null flavorid:string ' +
      'is_public:boolean memory_mb:integer name:string projects:[string]|null root_gb:integer rxtx_factor:number ' +
      'swap:integer vcpu_weight:integer vcpus:integer',
  },
  ImageMetaPayload: {
    version: '1.0',
    fields:
      'checksum:null container_format:string created_at:string direct_url:null disk_format:string id:string ' +
      'min_disk:integer min_ram:integer name:string owner:null properties:ImageMetaPropsPayload protected:boolean ' +
      'size:integer status:string tags:[string] updated_at:string virtual_size:null visibility:string',
  },
  ImageMetaPropsPayload: { version: '1.19', fields: 'hw_architecture:string' },
  InstanceActionPayload: { version: '1.9', fields: `${SERVER} fault:ExceptionPayload|null` },
  InstanceActionRebuildPayload: {
    version: '1.10',
    fields: `${SERVER} fault:ExceptionPayload|null trusted_image_certificates:[string]`,
  },
  InstanceActionRescuePayload: { version: '1.4', fields: `${SERVER} fault:null rescue_image_ref:string` },
  InstanceActionResizePrepPayload: { version: '1.4', fields: `${SERVER} fault:null new_flavor:FlavorPayload` },
  InstanceActionSharePayload: { version: '1.0', fields: `${SERVER} fault:ExceptionPayload|null share_id:string` },
  InstanceActionSnapshotPayload: { version: '1.10', fields: `${SERVER} fault:null snapshot_image_id:string` },
  InstanceActionVolumePayload: { version: '1.7', fields: `${SERVER} fault:ExceptionPayload|null volume_id:string` },
  InstanceActionVolumeSwapPayload: {
    version: '1.9',
    fields: `${SERVER} fault:ExceptionPayload|null new_volume_id:string old_volume_id:string`,
  },
  InstanceCreatePayload: {
    version: '1.13',
    fields: `${SERVER} fault:ExceptionPayload|null instance_name:string keypairs:[KeypairPayload] tags:[string] trusted_image_certificates:[string]`,
  },
  InstanceExistsPayload: { version: '2.1', fields: `${SERVER} audit_period:AuditPeriodPayload` },
  InstanceNUMACellPayload: {
    version: '1.2',
    fields:
      'cpu_pinning_raw:null cpu_policy:null cpu_thread_policy:null cpu_topology:null cpuset:[integer] ' +
      'cpuset_reserved:null id:integer memory:integer pagesize:null pcpuset:[]',
  },
  InstanceNUMATopologyPayload: {
    version: '1.0',
    fields:
      'cells:[InstanceNUMACellPayload] emulator_threads_policy:null instance_uuid:string',
  },
  InstancePCIRequestsPayload: { version: '1.0', fields: 'instance_uuid:string requests:[]' },
  InstanceStateUpdatePayload: {
    version: '1.0',
    fields:
      'new_task_state:null old_state:string old_task_state:null state:string',
  },
  InstanceUpdatePayload: {
    version: '2.1',
    fields: `${SERVER} audit_period:AuditPeriodPayload old_display_name:null state_update:InstanceStateUpdatePayload tags:[string]`,
  },
  IpPayload: {
    version: '1.0',
    fields:
      'address:string device_name:string label:string mac:string meta:dict port_uuid:string version:integer',
  },
  KeypairPayload: {
    version: '1.0',
    fields:
      'fingerprint:null|string name:string public_key:null|string type:string user_id:string',
  },
  LibvirtErrorPayload: { version: '1.0', fields: 'ip:string reason:ExceptionPayload' },
  MetricPayload: {
    version: '1.0',
    fields:
      'name:string numa_membw_values:null source:string timestamp:string value:integer',
  },
  MetricsPayload: { version: '1.0', fields: 'host:string host_ip:string metrics:[MetricPayload] nodename:string' },
  RequestSpecPayload: {
    version: '1.1',
    fields:
      'availability_zone:null flavor:FlavorPayload force_hosts:null force_nodes:null ignore_hosts:null ' +
      'image:ImageMetaPayload instance_group:null instance_uuid:string num_instances:integer ' +
      'numa_topology:InstanceNUMATopologyPayload|null pci_requests:InstancePCIRequestsPayload project_id:string ' +
      'requested_destination:null retry:null scheduler_hints:dict security_groups:[string] user_id:string',
  },
  ServerGroupPayload: {
    version: '1.1',
    fields:
      'hosts:null members:[string] name:string policies:[string] policy:string project_id:string rules:dict ' +
      'user_id:string uuid:string',
  },
  ServiceStatusPayload: {
    version: '1.1',
    fields:
      'availability_zone:null binary:string disabled:boolean disabled_reason:null forced_down:boolean host:string ' +
      'last_seen_up:null|string report_count:integer topic:string uuid:string version:integer',
  },
  SharePayload: {
    version: '1.0',
    fields:
      'export_location:string share_id:string share_mapping_uuid:string status:string tag:string',
  },
  VolumeUsagePayload: {
    version: '1.0',
    fields:
      'availability_zone:string instance_uuid:string last_refreshed:string project_id:string read_bytes:integer ' +
      'reads:integer user_id:string volume_id:string write_bytes:integer writes:integer',
  },
}

/** Payload, priority and publishers of each event. */
// biome-ignore format: a table
export const sampleEvents: Record<string, readonly [payload: string, priority: string, publishers: string]> = {
  'aggregate.add_host.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.add_host.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.cache_images.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.cache_images.progress': ['AggregateCachePayload', 'INFO', 'nova-conductor'],
  'aggregate.cache_images.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.create.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.create.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.delete.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.delete.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.remove_host.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.remove_host.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.update_metadata.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.update_metadata.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.update_prop.end': ['AggregatePayload', 'INFO', 'nova-api'],
  'aggregate.update_prop.start': ['AggregatePayload', 'INFO', 'nova-api'],
  'compute.exception': ['ExceptionPayload', 'ERROR', 'nova-api'],
  'compute_task.build_instances.error': ['ComputeTaskPayload', 'ERROR', 'nova-conductor'],
  'compute_task.migrate_server.error': ['ComputeTaskPayload', 'ERROR', 'nova-conductor'],
  'compute_task.rebuild_server.error': ['ComputeTaskPayload', 'ERROR', 'nova-conductor'],
  'flavor.create': ['FlavorPayload', 'INFO', 'nova-api'],
  'flavor.delete': ['FlavorPayload', 'INFO', 'nova-api'],
  'flavor.update': ['FlavorPayload', 'INFO', 'nova-api'],
  'instance.create.end': ['InstanceCreatePayload', 'INFO', 'nova-compute'],
  'instance.create.error': ['InstanceCreatePayload', 'ERROR', 'nova-compute'],
  'instance.create.start': ['InstanceCreatePayload', 'INFO', 'nova-compute'],
  'instance.delete.end': ['InstanceActionPayload', 'INFO', 'nova-api|nova-compute'],
  'instance.delete.start': ['InstanceActionPayload', 'INFO', 'nova-api|nova-compute'],
  'instance.evacuate': ['InstanceActionPayload', 'INFO', 'nova-api'],
  'instance.exists': ['InstanceExistsPayload', 'INFO', 'nova-compute'],
  'instance.interface_attach.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.interface_attach.error': ['InstanceActionPayload', 'ERROR', 'nova-compute'],
  'instance.interface_attach.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.interface_detach.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.interface_detach.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_abort.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_abort.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_force_complete.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_force_complete.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_post.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_post.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_post_dest.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_post_dest.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_pre.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_pre.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_rollback.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_rollback.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_rollback_dest.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.live_migration_rollback_dest.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.lock': ['InstanceActionPayload', 'INFO', 'nova-api'],
  'instance.pause.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.pause.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.power_off.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.power_off.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.power_on.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.power_on.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.reboot.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.reboot.error': ['InstanceActionPayload', 'ERROR', 'nova-compute'],
  'instance.reboot.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.rebuild.end': ['InstanceActionRebuildPayload', 'INFO', 'nova-compute'],
  'instance.rebuild.error': ['InstanceActionRebuildPayload', 'ERROR', 'nova-compute'],
  'instance.rebuild.start': ['InstanceActionRebuildPayload', 'INFO', 'nova-compute'],
  'instance.rebuild_scheduled': ['InstanceActionRebuildPayload', 'INFO', 'nova-conductor'],
  'instance.rescue.end': ['InstanceActionRescuePayload', 'INFO', 'nova-compute'],
  'instance.rescue.start': ['InstanceActionRescuePayload', 'INFO', 'nova-compute'],
  'instance.resize.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize.error': ['InstanceActionPayload', 'ERROR', 'nova-compute'],
  'instance.resize.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_confirm.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_confirm.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_finish.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_finish.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_prep.end': ['InstanceActionResizePrepPayload', 'INFO', 'nova-compute'],
  'instance.resize_prep.start': ['InstanceActionResizePrepPayload', 'INFO', 'nova-compute'],
  'instance.resize_revert.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resize_revert.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.restore.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.restore.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resume.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.resume.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.share_attach.end': ['InstanceActionSharePayload', 'INFO', 'nova-api'],
  'instance.share_attach.error': ['InstanceActionSharePayload', 'ERROR', 'nova-api'],
  'instance.share_attach.start': ['InstanceActionSharePayload', 'INFO', 'nova-api'],
  'instance.share_detach.end': ['InstanceActionSharePayload', 'INFO', 'nova-api'],
  'instance.share_detach.error': ['InstanceActionSharePayload', 'ERROR', 'nova-api'],
  'instance.share_detach.start': ['InstanceActionSharePayload', 'INFO', 'nova-api'],
  'instance.shelve.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.shelve.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.shelve_offload.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.shelve_offload.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.shutdown.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.shutdown.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.snapshot.end': ['InstanceActionSnapshotPayload', 'INFO', 'nova-compute'],
  'instance.snapshot.start': ['InstanceActionSnapshotPayload', 'INFO', 'nova-compute'],
  'instance.soft_delete.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.soft_delete.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.suspend.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.suspend.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.trigger_crash_dump.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.trigger_crash_dump.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unlock': ['InstanceActionPayload', 'INFO', 'nova-api'],
  'instance.unpause.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unpause.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unrescue.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unrescue.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unshelve.end': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.unshelve.start': ['InstanceActionPayload', 'INFO', 'nova-compute'],
  'instance.update': ['InstanceUpdatePayload', 'INFO', 'nova-api|nova-compute'],
  'instance.volume_attach.end': ['InstanceActionVolumePayload', 'INFO', 'nova-compute'],
  'instance.volume_attach.error': ['InstanceActionVolumePayload', 'ERROR', 'nova-compute'],
  'instance.volume_attach.start': ['InstanceActionVolumePayload', 'INFO', 'nova-compute'],
  'instance.volume_detach.end': ['InstanceActionVolumePayload', 'INFO', 'nova-compute'],
  'instance.volume_detach.start': ['InstanceActionVolumePayload', 'INFO', 'nova-compute'],
  'instance.volume_swap.end': ['InstanceActionVolumeSwapPayload', 'INFO', 'nova-compute'],
  'instance.volume_swap.error': ['InstanceActionVolumeSwapPayload', 'ERROR', 'nova-compute'],
  'instance.volume_swap.start': ['InstanceActionVolumeSwapPayload', 'INFO', 'nova-compute'],
  'keypair.create.end': ['KeypairPayload', 'INFO', 'nova-api'],
  'keypair.create.start': ['KeypairPayload', 'INFO', 'nova-api'],
  'keypair.delete.end': ['KeypairPayload', 'INFO', 'nova-api'],
  'keypair.delete.start': ['KeypairPayload', 'INFO', 'nova-api'],
  'keypair.import.end': ['KeypairPayload', 'INFO', 'nova-api'],
  'keypair.import.start': ['KeypairPayload', 'INFO', 'nova-api'],
  'libvirt.connect.error': ['LibvirtErrorPayload', 'ERROR', 'nova-compute'],
  'metrics.update': ['MetricsPayload', 'INFO', 'nova-compute'],
  'scheduler.select_destinations.end': ['RequestSpecPayload', 'INFO', 'nova-scheduler'],
  'scheduler.select_destinations.start': ['RequestSpecPayload', 'INFO', 'nova-scheduler'],
  'server_group.add_member': ['ServerGroupPayload', 'INFO', 'nova-api'],
  'server_group.create': ['ServerGroupPayload', 'INFO', 'nova-api'],
  'server_group.delete': ['ServerGroupPayload', 'INFO', 'nova-api'],
  'service.create': ['ServiceStatusPayload', 'INFO', 'nova-compute'],
  'service.delete': ['ServiceStatusPayload', 'INFO', 'nova-compute'],
  'service.update': ['ServiceStatusPayload', 'INFO', 'nova-compute'],
  'volume.usage': ['VolumeUsagePayload', 'INFO', 'nova-compute'],
}
