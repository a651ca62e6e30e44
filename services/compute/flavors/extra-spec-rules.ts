// Extra specs in the namespaces that Nova knows: their names and what values they take. Others may be anything.

import { IMAGES_TYPE_SPEC, IMAGES_TYPES } from '../disk-words.ts'
import { fault } from '../faults.ts'
import { ISOLATED_SPEC } from '../isolated-role.ts'

/** What is wrong with a value; undefined for a good one. */
type Rule = (value: string) => string | undefined

const anything: Rule = () => undefined

const oneOf =
  (...words: string[]): Rule =>
  (value) =>
    words.includes(value) ? undefined : `'${value}' is not one of: ${words.join(', ')}.`

function integer(min?: number, max?: number): Rule {
  return (value) => {
    if (!/^\s*[+-]?\d+\s*$/.test(value)) return `'${value}' is not a valid integer value.`
    const number = Number(value)
    if (max !== undefined && number > max) return `'${number}' is greater than the max value of '${max}'.`
    if (min !== undefined && number < min) return `'${number}' is less than the min value of '${min}'.`
    return undefined
  }
}

const BOOLEAN = /^\s*(1|t|true|on|y|yes|0|f|false|off|n|no)\s*$/i
const boolean: Rule = (value) => (BOOLEAN.test(value) ? undefined : `'${value}' is not a valid boolean-like value.`)

function format(pattern: string): Rule {
  const whole = new RegExp(`^(?:${pattern})$`)
  return (value) => (whole.test(value) ? undefined : `'${value}' is not of the format '${pattern}'.`)
}

const cpus = format('\\^?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*')
const sharesLevel = oneOf('low', 'normal', 'high', 'custom')

/** A name is matched whole; `{…}` in it stands for a pattern. */
const RULES: Record<string, Rule> = {
  'hw:boot_menu': boolean,
  'hw:cpu_cores': integer(1),
  'hw:cpu_dedicated_mask': cpus,
  'hw:cpu_max_cores': integer(1),
  'hw:cpu_max_sockets': integer(1),
  'hw:cpu_max_threads': integer(1),
  'hw:cpu_policy': oneOf('dedicated', 'shared', 'mixed'),
  'hw:cpu_realtime': boolean,
  'hw:cpu_realtime_mask': cpus,
  'hw:cpu_sockets': integer(1),
  'hw:cpu_thread_policy': oneOf('prefer', 'isolate', 'require'),
  'hw:cpu_threads': integer(1),
  'hw:emulator_threads_policy': oneOf('isolate', 'share'),
  'hw:ephemeral_encryption': boolean,
  'hw:ephemeral_encryption_format': oneOf('plain', 'luks', 'luksv2'),
  'hw:hide_hypervisor_id': boolean,
  'hw:locked_memory': boolean,
  'hw:maxphysaddr_bits': integer(0),
  'hw:maxphysaddr_mode': oneOf('emulate', 'passthrough'),
  'hw:mem_encryption': boolean,
  'hw:mem_encryption_model': oneOf('amd-sev', 'amd-sev-es', 'amd-sev-snp'),
  'hw:mem_page_size': format('(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)'),
  'hw:numa_cpus.{\\d+}': cpus,
  'hw:numa_mem.{\\d+}': integer(1),
  'hw:numa_nodes': integer(1),
  'hw:pci_numa_affinity_policy': oneOf('required', 'preferred', 'legacy', 'socket'),
  'hw:pmem': format('([a-zA-Z0-9_]+(,)?)+'),
  'hw:pmu': boolean,
  'hw:redirected_usb_ports': integer(0, 15),
  'hw:serial_port_count': integer(0),
  'hw:sound_model': anything,
  'hw:tpm_model': oneOf('tpm-tis', 'tpm-crb'),
  'hw:tpm_secret_security': oneOf('user', 'host', 'deployment'),
  'hw:tpm_version': oneOf('1.2', '2.0'),
  'hw:usb_model': oneOf('none', 'nec-xhci', 'qemu-xhci'),
  'hw:vif_multiqueue_enabled': boolean,
  'hw:viommu_model': oneOf('intel', 'smmuv3', 'virtio', 'auto'),
  'hw:virtio_packed_ring': boolean,
  'hw:watchdog_action': oneOf('none', 'pause', 'poweroff', 'reset', 'disabled'),
  'hw_rng:allowed': boolean,
  'hw_rng:rate_bytes': integer(0),
  'hw_rng:rate_period': integer(0),
  'hw_video:ram_max_mb': integer(0),
  'os:secure_boot': oneOf('disabled', 'required'),
  'pci_passthrough:alias': format('[^:]+:\\d+(?:\\s*,\\s*[^:]+:\\d+)*'),
  'accel:device_profile': anything,
  'quota:{cpu_shares|cpu_period|cpu_quota}': integer(0),
  'quota:{cpu|memory|disk_io|vif}_{limit|reservation|shares_share}': integer(0),
  'quota:{cpu|memory|disk_io|vif}_shares_level': sharesLevel,
  'quota:disk_{read|write|total}_{bytes|iops}_sec': integer(0),
  'quota:vif_{inbound|outbound}_{average|peak|burst}': integer(0),
  'resources{[a-zA-Z0-9_-]{0,64}}:{[A-Z0-9_]+}': integer(0),
  'trait{[a-zA-Z0-9_-]{0,64}}:{[A-Z0-9_]+}': oneOf('required', 'forbidden'),
  group_policy: oneOf('isolate', 'none'),
  'aggregate_instance_extra_specs:{.+}': anything,
  'capabilities:{.+}': anything,
  'vmware:{hw_version|storage_policy}': anything,
  hide_hypervisor_id: boolean,
  [ISOLATED_SPEC]: oneOf('root', 'ephemeral'),
  [IMAGES_TYPE_SPEC]: oneOf(...IMAGES_TYPES),
}

const PLACEHOLDER = /\{((?:[^{}]|\{\d+,\d+\})*)\}/g

function patternOf(name: string): RegExp {
  const [plain, ...rest] = name
    .split(PLACEHOLDER)
    .map((part, index) => (index % 2 ? `(?:${part})` : RegExp.escape(part)))
  return new RegExp(`^${[plain, ...rest].join('')}$`)
}

const PATTERNS = Object.entries(RULES)
  .filter(([name]) => name.includes('{'))
  .map(([name, rule]): [RegExp, Rule] => [patternOf(name), rule])
const NAMESPACE =
  /^(hw|hw_rng|hw_video|os|pci_passthrough|accel|quota|vmware|kilonova|(resources|trait)[a-zA-Z0-9_-]{0,64}):/

function ruleOf(name: string): Rule | undefined {
  if (Object.hasOwn(RULES, name)) return RULES[name]
  return PATTERNS.find(([pattern]) => pattern.test(name))?.[1]
}

/** Throws BadRequest with Nova's sentence for the first bad one. */
export function checkExtraSpecs(specs: Record<string, string>): void {
  for (const [name, value] of Object.entries(specs)) {
    const rule = ruleOf(name)
    const unknown = !rule && NAMESPACE.test(name)
    const wrong = unknown ? `extra spec '${name}' does not appear to be a valid extra spec.` : rule?.(value)
    if (wrong) throw fault('BadRequest', { message: `Validation failed; ${wrong}` })
  }
}
