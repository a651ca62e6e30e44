// What the scheduler knows of a host and of a request. Plain data: the scheduler reads no store and no bus.
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'

export interface HostState {
  host: string
  /** hypervisor_hostname */
  node: string
  /** The compute node's uuid; its resource provider's in placement. */
  nodeId: string
  /** Its service has reported in time. */
  up: boolean
  /** Why it takes no new servers; null when it does. */
  disabledReason: string | null
  zone: string
  vcpus: number
  vcpusUsed: number
  cpuAllocationRatio: number
  memoryMb: number
  memoryMbUsed: number
  localGb: number
  localGbUsed: number
  hypervisorType: string
  hypervisorVersion: number
  /** [arch, hv_type, vm_mode] */
  supportedInstances: [string, string, string][]
  cpuInfo: Record<string, unknown>
  numInstances: number
  /** Servers that are being built, moved or copied there. */
  numIoOps: number
  /** Builds that failed there since the last one that did not. */
  failedBuilds: number
  /** The address that the host tells; null when it tells none. */
  hostIp: string | null
  aggregates: readonly HostAggregate[]
  /** Counts of its servers by Nova's names, such as num_vm_active; absent where nobody counted. */
  stats?: Readonly<Record<string, number>>
  /** Properties of its servers' images; absent where nobody counts them. */
  imageProperties?: readonly Readonly<Record<string, string>>[]
  /** Whole devices that servers may have; sizes in bytes. */
  isolatedDisks: readonly { path: string; size: number }[]
}

/** An aggregate that the host is in. */
export interface HostAggregate {
  name: string
  metadata: Readonly<Record<string, string>>
}

/** The server group that the server is in. */
export interface ServerGroup {
  id: string
  policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity'
  maxServerPerHost: number
  /** How many other members are on each host. */
  others: Readonly<Record<string, number>>
}

export interface SchedulingRequest {
  serverId: string
  projectId: string
  userId: string
  flavor: GuestFlavor
  image: GuestImage | null
  /** What its disks must be able to be made as on the host, besides what its flavor says. */
  imagesTypes?: readonly string[]
  /** The server's metadata, for filters that read it. */
  metadata: Record<string, string>
  hints: Record<string, unknown>
  /** Names or ids, as they were asked for. */
  securityGroups: readonly string[]
  /** What plug-ins kept with the server, by their names. */
  plugins: Readonly<Record<string, unknown>>
  group: ServerGroup | null
  /** Hosts of the servers that the hint `different_host` names. */
  differentHosts: readonly string[]
  /** Hosts of the servers that the hint `same_host` names; null without the hint. */
  sameHosts: readonly string[] | null
  /** Names of the aggregates whose metadata names the server's project. */
  projectAggregates: readonly string[]
  /** The zone that the user named; null when any will do. */
  zone: string | null
  /** The host or node that skips the filters. */
  forcedHost: string | null
  /** The one host that the request names, if the filters let it pass. */
  destination: string | null
  /** Hosts on which it has failed already. */
  ignoreHosts: readonly string[]
}

/** What a host lacks, and how much of it. */
export interface Shortfall {
  /** Words that end a sentence about the host, such as `it is in another rack`. */
  says: string
  /** How much is missing, in whatever the filter counts; the host with the least is the nearest. */
  short: number
}

/** What a host lacks; words alone where it is there or not. Undefined when it passes. */
export type Verdict = Shortfall | string | undefined

export interface Filter {
  /** As `enabled_filters` names it. */
  readonly name: string
  /** It is asked again when a server gets another image on the host that it is on. */
  readonly runsOnRebuild?: true
  judge(host: HostState, request: SchedulingRequest): Verdict
  /**
   * What of the request its verdicts depend on: as long as a host does not change, its verdict is the same for all
   * requests that give the same words. Null: every host passes this request. Without it, or undefined: it is asked of
   * each host each time.
   */
  reads?(request: SchedulingRequest): string | null | undefined
  /** The only hosts that may fall, by name. Without it: any. */
  mayRemove?(request: SchedulingRequest): readonly string[]
}

export interface Weigher {
  readonly name: string
  /** The option that its weights are multiplied by; metadata of that key on an aggregate overrides it there. */
  readonly option: string
  /** The raw weight; weights are brought to 0..1 over all hosts before they are multiplied. */
  weigh(host: HostState, request: SchedulingRequest): number
  /** It looks at the host alone: weighed once for each change of the host. */
  readonly ofHostAlone?: true
  /** Whether it tells hosts apart for this request. Without it: it may. */
  matters?(request: SchedulingRequest): boolean
}

export interface Weighted {
  readonly weigher: Weigher
  /** Where the host's aggregates give none under the weigher's option. */
  readonly multiplier: number
}

export type MultiplierOption =
  | 'ram_weight_multiplier'
  | 'cpu_weight_multiplier'
  | 'disk_weight_multiplier'
  | 'hypervisor_version_weight_multiplier'
  | 'io_ops_weight_multiplier'
  | 'num_instances_weight_multiplier'
  | 'soft_affinity_weight_multiplier'
  | 'soft_anti_affinity_weight_multiplier'
  | 'build_failure_weight_multiplier'
  | 'image_props_weight_multiplier'
