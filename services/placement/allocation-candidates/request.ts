// What is asked of allocation candidates, and what there is to choose from.
import type { Amounts } from '../client.ts'
import type { InventoryRow } from '../schema/tables.ts'

/** What a provider must be. */
export interface Conditions {
  /** At least one trait of each list. */
  required: string[][]
  forbidden: string[]
  /** In at least one aggregate of each list. */
  memberOf: string[][]
  notMemberOf: string[]
  /** In the tree of this provider. */
  inTree: string | undefined
}

/** Without a suffix ('') several providers may serve it together; with one, a single provider. */
export interface Group extends Conditions {
  suffix: string
  /** Empty only for a suffixed group that same_subtree names. */
  resources: Amounts
}

export interface Request {
  groups: Group[]
  /** Suffixed groups are served by different providers. */
  isolate: boolean
  /** Traits of the root of the tree. */
  root: Pick<Conditions, 'required' | 'forbidden'>
  /** Of the providers of these groups, one is above all others or the same. */
  sameSubtrees: string[][]
  /** Whether one candidate may use several providers of one tree. */
  nested: boolean
  limit: number
}

export interface TreeNode {
  id: string
  parentId: string | null
  rootId: string
}

/** Providers with what a request needs to know of them. */
export interface World {
  providers: Map<string, TreeNode>
  /** By provider, then by resource class. */
  inventories: Map<string, Map<string, InventoryRow>>
  traits: Map<string, Set<string>>
  aggregates: Map<string, Set<string>>
}

/** One way to serve a request. */
export interface FoundCandidate {
  /** By provider, then by resource class. */
  allocations: Map<string, Map<string, number>>
  /** The providers that serve each group, by its suffix. */
  mappings: Map<string, string[]>
  rootId: string
}

/** Its inventory is for all providers of its aggregates. */
export const SHARING_TRAIT = 'MISC_SHARES_VIA_AGGREGATE'
