// The options of a compute host.
import type { OptionTable } from '@kilonova/base/options'
import { FILE_SYSTEMS, IMAGES_TYPES } from '../disk-words.ts'

export const agentOptions = {
  virt_type: {
    type: 'string',
    default: 'auto',
    choices: ['auto', 'kvm', 'qemu'],
    help: 'how guests run; auto is kvm where a probe guest runs under it, else qemu',
  },
  images_type: {
    type: 'string',
    default: 'qcow2',
    choices: IMAGES_TYPES,
    help:
      'what new disks are made as; existing ones stay as they are. lvm: a logical volume each; ' +
      'lvm_qcow2: qcow2 on a logical volume for each server',
  },
  images_volume_group: {
    type: 'string',
    default: '',
    help: 'the volume group of images_type lvm and lvm_qcow2; stays set while servers have disks there',
  },
  default_ephemeral_format: {
    type: 'string',
    default: 'ext4',
    choices: FILE_SYSTEMS,
    help: 'file system of ephemeral disks whose users name none; the host needs its mkfs program',
  },
  sparse_logical_volumes: {
    type: 'boolean',
    default: false,
    help: 'make logical volumes thin, in the only thin pool of the volume group',
  },
  volume_clear: {
    type: 'string',
    default: 'zero',
    choices: ['zero', 'shred', 'none'],
    help: 'how logical volumes and isolated disks are cleared when their server goes',
  },
  volume_clear_size: { type: 'integer', default: 0, min: 0, help: 'MiB at their beginning that are cleared; 0: all' },
  isolated_disks: {
    type: 'list',
    default: [],
    help:
      'whole devices, such as /dev/disk/by-id/…, each given to one server at a time ' +
      '(flavors ask with resources:CUSTOM_DISK_ISOLATED=1)',
  },
  disk_cachemodes: {
    type: 'list',
    default: [],
    help:
      'cache modes by the kind of disk, such as file=writeback or block=none; by default files have none ' +
      'where their file system knows O_DIRECT, else writeback, and devices have none',
  },
  hw_disk_discard: {
    type: 'string',
    default: '',
    choices: ['', 'ignore', 'unmap'],
    help: 'what becomes of blocks that guests discard; empty leaves it to QEMU',
  },
  cpu_mode: {
    type: 'string',
    default: 'none',
    choices: ['none', 'host-model', 'host-passthrough', 'maximum', 'custom'],
    help: "the guests' processor; none leaves it to QEMU",
  },
  cpu_model: { type: 'string', default: 'Nehalem', help: 'the processor with cpu_mode custom' },
  tb_cache_size: {
    type: 'integer',
    default: 64,
    min: 0,
    max: 4096,
    help: 'MiB of cache for translated code of each guest without KVM; 0 leaves it to QEMU',
  },
  vnc_enabled: {
    type: 'boolean',
    default: true,
    help: 'whether new guests have a screen, and VNC consoles may be asked for',
  },
  serial_console_enabled: { type: 'boolean', default: true, help: 'whether serial consoles may be asked for' },
  server_proxyclient_address: {
    type: 'string',
    default: '127.0.0.1',
    help: "address of a host on which it hands its guests' consoles to the API's processes",
  },
  mem_stats_period_seconds: {
    type: 'integer',
    default: 10,
    min: 0,
    help: "seconds between the balloon's memory reports; 0 turns them off",
  },
  snapshot_image_format: {
    type: 'string',
    default: '',
    choices: ['', 'raw', 'qcow2', 'vmdk', 'vdi'],
    help: "what snapshots' images are; empty is what the server's disk is",
  },
  snapshot_compression: { type: 'boolean', default: false, help: 'compress snapshots that are qcow2' },
  max_concurrent_snapshots: {
    type: 'integer',
    default: 5,
    min: 0,
    help: 'snapshots that a host makes at once; 0 is without limit',
  },
  disable_libvirt_livesnapshot: {
    type: 'boolean',
    default: false,
    help: 'hold running guests while their disk is copied, in place of copying beside them',
  },
  handle_virt_lifecycle_events: {
    type: 'boolean',
    default: true,
    help: 'act on what happens to guests when it happens, not only at the next comparison',
  },
  my_ip: { type: 'string', default: '', help: 'the address at which others reach a host; empty: that of its way out' },
  report_interval: { type: 'integer', default: 10, min: 1, help: 'seconds between the reports of a service' },
  update_resources_interval: {
    type: 'integer',
    default: 0,
    help: 'seconds between the resource reports of a host; 0 is 60, negative is only at its start',
  },
  running_deleted_instance_poll_interval: {
    type: 'integer',
    default: 1800,
    help: 'seconds between looks for guests of deleted servers on a host, the first at its start; 0 is never',
  },
  running_deleted_instance_action: {
    type: 'string',
    default: 'reap',
    choices: ['reap', 'shutdown', 'log', 'noop'],
    help: 'what becomes of such guests: removed with their files, switched off, logged, or not looked for',
  },
  running_deleted_instance_timeout: {
    type: 'integer',
    default: 0,
    min: 0,
    help: 'seconds that a server must have been deleted before its guest counts as such',
  },
  instance_delete_interval: {
    type: 'integer',
    default: 300,
    help: 'seconds between attempts to remove files that deleted servers left on a host; 0 is 60, negative is never',
  },
  maximum_instance_delete_attempts: {
    type: 'integer',
    default: 5,
    min: 1,
    help: 'attempts to remove the files of one server until its agent starts anew',
  },
  console_log_max_mb: {
    type: 'integer',
    default: 4,
    min: 0,
    help: "MiB that a guest's console log may grow to before its older half goes, looked at once a minute; 0 is any size",
  },
  stalled_guests_poll_interval: {
    type: 'integer',
    default: 10,
    min: 0,
    help: 'seconds between looks for guests that were paused because the host had no room for what they wrote, to let them go on when it has; 0: they wait until somebody unpauses or reboots them',
  },
  dhcp_domain: { type: 'string', default: 'novalocal', help: "appended to the guests' hostnames; empty for none" },
  vendordata_jsonfile_path: { type: 'string', default: '', help: 'JSON file told to every guest as vendor_data.json' },
  vendordata_dynamic_targets: { type: 'list', default: [], help: 'name@url of services asked for vendor_data2.json' },
  vendordata_dynamic_failure_fatal: {
    type: 'boolean',
    default: false,
    help: 'whether a build fails when such a service does not answer',
  },
} as const satisfies OptionTable

/** The table [image_cache]. */
export const imageCacheOptions = {
  manager_interval: {
    type: 'integer',
    default: 2400,
    help: 'seconds between looks for cached images that no server of the host uses; 0 is 60, negative is never',
  },
  remove_unused_base_images: { type: 'boolean', default: true, help: 'whether such images are removed' },
  remove_unused_original_minimum_age_seconds: {
    type: 'integer',
    default: 86_400,
    min: 0,
    help: 'seconds that nobody must have asked for such an image',
  },
} as const satisfies OptionTable

export const fakeOptions = {
  latency: { type: 'integer', default: 0, min: 0, help: 'milliseconds that each call to a fake host takes' },
  failure_rate: { type: 'number', default: 0, min: 0, max: 1, help: 'share of calls to a fake host that fail' },
  seed: { type: 'integer', default: 1, help: 'decides which calls fail' },
  shutdown_time: { type: 'integer', default: 0, min: 0, help: 'milliseconds a fake guest takes to shut down' },
  vcpus: { type: 'integer', default: 64, min: 1, help: 'processors of a fake host' },
  memory_mb: { type: 'integer', default: 262144, min: 1, help: 'memory of a fake host' },
  local_gb: { type: 'integer', default: 16384, min: 1, help: 'disk of a fake host' },
  isolated_disks: {
    type: 'list',
    default: [],
    help: 'GB of each isolated disk of a fake host, with -ssd behind the number for one that does not turn',
  },
} as const satisfies OptionTable
