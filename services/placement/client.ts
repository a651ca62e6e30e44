// How other services keep account of resources. Only types of this service: whoever runs it makes the client.

/** How much of one resource class a provider has, and how it may be handed out. */
export interface InventoryInfo {
  total: number
  /** Not handed out. Default 0. */
  reserved?: number
  /** The least amount of one allocation. Default 1. */
  minUnit?: number
  /** The largest amount of one allocation. Default 2147483647. */
  maxUnit?: number
  /** Amounts are multiples of this. Default 1. */
  stepSize?: number
  /** Capacity is (total - reserved) * allocationRatio, rounded down. Default 1. */
  allocationRatio?: number
}

/** Amounts by resource class, such as `{ VCPU: 2, MEMORY_MB: 512 }`. */
export type Amounts = Record<string, number>

/** Amounts by provider. */
export type Allocations = Record<string, Amounts>

export interface RequestedGroup {
  /** '' for the group that several providers of one tree may serve together; others need one provider each. */
  suffix: string
  resources: Amounts
  /** Traits that must be there. */
  required?: string[]
  /** Traits that must not. */
  forbidden?: string[]
  /** The provider is in at least one aggregate of each list. */
  memberOf?: string[][]
  /** The provider is in none of these aggregates. */
  notMemberOf?: string[]
  /** Only providers of the tree that this provider is in. */
  inTree?: string
}

export interface CandidatesRequest {
  groups: RequestedGroup[]
  /** Candidates at most. Default: all. */
  limit?: number
  /** Whether groups with suffix need different providers. Default 'none'. */
  groupPolicy?: 'none' | 'isolate'
}

export interface Candidate {
  allocations: Allocations
  /** The root of the tree that serves it; with sharing providers, of the tree that does not share. */
  rootProviderId: string
}

export interface Claim {
  consumerId: string
  projectId: string
  userId: string
  allocations: Allocations
  /** Such as INSTANCE or MIGRATION. Default INSTANCE. */
  consumerType?: string
}

/** All trees of providers, for who asks again and again of single ones. */
export interface TreeWatch {
  /**
   * Makes it true as of now for requests that name the traits of this one. The roots of the trees that have changed
   * since the call before; 'all' when any may have, as at the first. Outside of transactions, one call at a time.
   */
  refresh(request: CandidatesRequest): Promise<ReadonlySet<string> | 'all'>
  /** Whether there is a way in which the tree with this root can serve the request as of then. */
  serves(request: CandidatesRequest, rootId: string): boolean
  /** All of those ways; it claims nothing. */
  candidates(request: CandidatesRequest, rootId: string): Candidate[]
}

export interface ProviderUsage {
  capacity: number
  used: number
}

export interface ProviderSummary {
  resources: Record<string, ProviderUsage>
  traits: string[]
  parentId: string | null
  rootId: string
}

/**
 * Resource providers, what they have and who uses it. Every call may be repeated; none needs a user's rights.
 * Unknown providers are ResourceProviderNotFound; unknown standard traits and classes are refused, unknown
 * CUSTOM_ ones are made.
 */
export interface PlacementClient {
  /** Makes the provider or gives it this name. A parent, once given, stays when it is left out. */
  ensureProvider(provider: { id: string; name: string; parentId?: string }): Promise<void>
  /** Replaces all inventories. Zero totals are left out; a class in use cannot be: InventoryInUse. */
  setInventories(providerId: string, inventories: Record<string, InventoryInfo>): Promise<void>
  /** With every field. Empty for an unknown provider. */
  inventoriesOf(providerId: string): Promise<Record<string, Required<InventoryInfo>>>
  setTraits(providerId: string, traits: readonly string[]): Promise<void>
  setAggregates(providerId: string, aggregateIds: readonly string[]): Promise<void>
  /** Gone once it returns. Throws ResourceProviderInUse, or CannotDeleteParent while it has children. */
  deleteProvider(providerId: string): Promise<void>

  /** All ways to serve the request with what is free now; it claims nothing. */
  candidates(request: CandidatesRequest): Promise<Candidate[]>
  /** Nothing is read before it is asked for. */
  watchTrees(): TreeWatch
  /**
   * Makes these the consumer's only allocations: all of them fit now, or NoCapacity
   * `{ provider, class, asked, free }` and nothing changes. What no free room would help is AmountRefused
   * (not in the inventory's units), NoInventory or AllocationProviderUnknown.
   */
  claim(claim: Claim): Promise<void>
  /** As `claim`, for several consumers at once: all of it or nothing. Without allocations a consumer is released. */
  claimTogether(claims: readonly Claim[]): Promise<void>
  /** The consumer uses nothing any more. No error if it did not. */
  release(consumerId: string): Promise<void>

  /** Empty for an unknown consumer. */
  allocationsOf(consumerId: string): Promise<Allocations>
  /** By consumer: what it uses of the provider. */
  consumersOf(providerId: string): Promise<Map<string, Amounts>>
  /** What each class of the provider is used, zero for unused ones. */
  usages(providerId: string): Promise<Amounts>
  /** Every allocation there is, by consumer: for the audit. */
  allAllocations(): Promise<Map<string, Allocations>>
  /** Of each that is the root of a tree: itself and all below it. */
  providersOfTrees(rootIds: readonly string[]): Promise<string[]>
  /** By provider; unknown providers are left out. */
  summaries(providerIds: readonly string[]): Promise<Map<string, ProviderSummary>>
}
