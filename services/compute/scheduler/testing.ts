// Hosts and requests for tests of filters and weighers.
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import type { Left } from './choose.ts'
import { eligible, passing, ranked } from './choose.ts'
import type { FilterOptions } from './filters/filter-options.ts'
import type { Filter, HostState, SchedulingRequest, Weighted } from './host-state.ts'

export const flavor = (extraSpecs: Record<string, string> = {}): GuestFlavor => ({
  name: 'm1.nano',
  vcpus: 1,
  memoryMb: 192,
  rootGb: 1,
  ephemeralGb: 0,
  swapMb: 0,
  extraSpecs,
})
export const image = (properties: Record<string, string>): GuestImage => ({
  id: 'i',
  diskFormat: 'raw',
  minDisk: 0,
  minRam: 0,
  size: 1,
  properties,
})

export const host = (name: string, parts: Partial<HostState> = {}): HostState => ({
  host: name,
  node: name,
  nodeId: name,
  up: true,
  disabledReason: null,
  zone: 'nova',
  vcpus: 4,
  vcpusUsed: 0,
  cpuAllocationRatio: 4,
  memoryMb: 8192,
  memoryMbUsed: 512,
  localGb: 100,
  localGbUsed: 0,
  hypervisorType: 'QEMU',
  hypervisorVersion: 7002000,
  supportedInstances: [['x86_64', 'qemu', 'hvm']],
  cpuInfo: { arch: 'x86_64', features: ['aes', 'sse2'] },
  numInstances: 0,
  numIoOps: 0,
  failedBuilds: 0,
  hostIp: null,
  aggregates: [],
  isolatedDisks: [],
  ...parts,
})

export const request = (parts: Partial<SchedulingRequest> = {}): SchedulingRequest => ({
  serverId: 's',
  projectId: 'p',
  userId: 'u',
  flavor: flavor(),
  image: null,
  metadata: {},
  hints: {},
  securityGroups: [],
  plugins: {},
  group: null,
  differentHosts: [],
  sameHosts: null,
  projectAggregates: [],
  zone: null,
  forcedHost: null,
  destination: null,
  ignoreHosts: [],
  ...parts,
})

export const FILTER_OPTIONS: FilterOptions = {
  max_io_ops_per_host: 8,
  max_instances_per_host: 50,
  isolated_images: [],
  isolated_hosts: [],
  restrict_isolated_hosts_to_isolated_images: true,
  aggregate_image_properties_isolation_namespace: '',
  aggregate_image_properties_isolation_separator: '.',
}

/** Where a request may go, best first, as if every host had room. */
export function choose(
  hosts: readonly HostState[],
  asked: SchedulingRequest,
  rules: { filters: readonly Filter[]; weighers?: readonly Weighted[] },
): Left {
  const named = eligible(hosts, asked)
  const { hosts: left, removed } = passing(named.hosts, asked, rules.filters)
  const best = ranked(left, asked, rules.weighers ?? [])
  return { hosts: best.map(({ host }) => host), removed: [...named.removed, ...removed] }
}
