// The options of a compute host.
import type { OptionTable } from '@kilonova/base/options'

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
    choices: ['qcow2', 'raw'],
    help: 'what new disks are made as; existing ones stay as they are',
  },
  disk_cache_mode: {
    type: 'string',
    default: 'writeback',
    choices: ['none', 'writeback'],
    help: 'cache mode of disks in files; none needs a file system with O_DIRECT',
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
  vnc_enabled: { type: 'boolean', default: false, help: 'whether guests have a VNC display' },
  vnc_server_listen: { type: 'string', default: '127.0.0.1', help: 'address the VNC displays listen on' },
  mem_stats_period_seconds: {
    type: 'integer',
    default: 10,
    min: 0,
    help: "seconds between the balloon's memory reports; 0 turns them off",
  },
  handle_virt_lifecycle_events: {
    type: 'boolean',
    default: true,
    help: 'act on what happens to guests when it happens, not only at the next comparison',
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

export const fakeOptions = {
  latency: { type: 'integer', default: 0, min: 0, help: 'milliseconds that each call to a fake host takes' },
  failure_rate: { type: 'number', default: 0, min: 0, max: 1, help: 'share of calls to a fake host that fail' },
  seed: { type: 'integer', default: 1, help: 'decides which calls fail' },
  shutdown_time: { type: 'integer', default: 0, min: 0, help: 'milliseconds a fake guest takes to shut down' },
  vcpus: { type: 'integer', default: 64, min: 1, help: 'processors of a fake host' },
  memory_mb: { type: 'integer', default: 262144, min: 1, help: 'memory of a fake host' },
  local_gb: { type: 'integer', default: 16384, min: 1, help: 'disk of a fake host' },
} as const satisfies OptionTable
