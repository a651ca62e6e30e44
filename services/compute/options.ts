// The [compute] table of the configuration: the conductor's options and the hosts' own. Names and defaults are Nova's.
import type { OptionTables } from '@kilonova/base/options'
import { agentOptions } from './agent/options.ts'

export const computeOptions = {
  compute: {
    ...agentOptions,
    force_config_drive: { type: 'boolean', default: false, help: 'give each new server a config drive' },
    default_availability_zone: { type: 'string', default: 'nova', help: 'zone of hosts that are in none' },
    max_limit: { type: 'integer', default: 1000, min: 1, help: 'items of a list page at most' },
    max_attempts: { type: 'integer', default: 3, min: 1, help: 'hosts that a build is tried on' },
    vif_plugging_timeout: {
      type: 'integer',
      default: 300,
      min: 0,
      help: 'seconds to wait for ports to become active; 0 does not wait',
    },
    vif_plugging_is_fatal: {
      type: 'boolean',
      default: true,
      help: 'fail a build whose ports do not become active in time',
    },
    shutdown_timeout: { type: 'integer', default: 60, min: 0, help: 'seconds that a guest may take to shut down' },
    wait_soft_reboot_seconds: {
      type: 'integer',
      default: 120,
      min: 0,
      help: 'seconds after which a soft reboot becomes a hard one',
    },
    report_interval: { type: 'integer', default: 10, min: 1, help: 'seconds between the reports of a service' },
    service_down_time: {
      type: 'integer',
      default: 60,
      min: 2,
      help: 'seconds without report after which a service is down',
    },
    enable_new_services: { type: 'boolean', default: true, help: 'whether new hosts get servers at once' },
    update_resources_interval: {
      type: 'integer',
      default: 60,
      min: 1,
      help: 'seconds between the resource reports of a host',
    },
    reserved_host_memory_mb: { type: 'integer', default: 512, min: 0, help: 'MB of a host that servers do not get' },
    reserved_host_disk_mb: {
      type: 'integer',
      default: 0,
      min: 0,
      help: 'MB of disk of a host that servers do not get',
    },
    reserved_host_cpus: { type: 'integer', default: 0, min: 0, help: 'processors of a host that servers do not get' },
    cpu_allocation_ratio: { type: 'number', default: 4, min: 0, help: 'virtual processors per processor of a host' },
    ram_allocation_ratio: { type: 'number', default: 1, min: 0, help: 'virtual memory per memory of a host' },
    disk_allocation_ratio: { type: 'number', default: 1, min: 0, help: 'virtual disk per disk of a host' },
    enabled_filters: {
      type: 'list',
      default: ['ComputeFilter', 'ComputeCapabilitiesFilter', 'ImagePropertiesFilter'],
      help: 'what a host must pass, in this order',
    },
    ram_weight_multiplier: { type: 'number', default: 1, help: 'how much free memory counts; negative fills hosts up' },
    cpu_weight_multiplier: { type: 'number', default: 1, help: 'how much free processors count' },
    disk_weight_multiplier: { type: 'number', default: 1, help: 'how much free disk counts' },
    quota_instances: { type: 'integer', default: 10, min: -1, help: 'servers per project; -1 is unlimited' },
    quota_cores: { type: 'integer', default: 20, min: -1, help: 'virtual processors per project' },
    quota_ram: { type: 'integer', default: 51200, min: -1, help: 'MB of memory per project' },
    quota_metadata_items: { type: 'integer', default: 128, min: -1, help: 'metadata items per server' },
    quota_injected_files: { type: 'integer', default: 5, min: -1, help: 'injected files per server' },
    quota_injected_file_content_bytes: {
      type: 'integer',
      default: 10240,
      min: -1,
      help: 'bytes per injected file',
    },
    quota_injected_file_path_length: {
      type: 'integer',
      default: 255,
      min: -1,
      help: 'bytes of the path of an injected file',
    },
    quota_key_pairs: { type: 'integer', default: 100, min: -1, help: 'key pairs per user' },
    quota_server_groups: { type: 'integer', default: 10, min: -1, help: 'server groups per project' },
    quota_server_group_members: { type: 'integer', default: 10, min: -1, help: 'servers per server group' },
  },
} as const satisfies OptionTables
