// Rows of placement's tables. Times are milliseconds since 1970.

export interface ResourceProviderRow {
  id: string
  name: string
  /** Goes up with every change of what the provider has or of who uses it. */
  generation: number
  parent_id: string | null
  /** Of the tree that it is in; its own id at the top. */
  root_id: string
  created_at: number
  updated_at: number
}

export interface InventoryRow {
  provider_id: string
  resource_class: string
  total: number
  reserved: number
  min_unit: number
  max_unit: number
  step_size: number
  allocation_ratio: number
  /** The sum of its allocations, kept with them in one transaction. */
  used: number
}

export interface ConsumerRow {
  id: string
  project_id: string
  user_id: string
  /** Null: unknown. */
  consumer_type: string | null
  generation: number
  created_at: number
  updated_at: number
}

export interface AllocationRow {
  consumer_id: string
  provider_id: string
  resource_class: string
  used: number
}

/** Only custom ones; the standard ones stand in the code. */
export interface NameRow {
  name: string
  created_at: number
}

export interface ProviderTraitRow {
  provider_id: string
  trait: string
}

export interface ProviderAggregateRow {
  provider_id: string
  aggregate_id: string
}

export interface PlacementTables {
  placement_resource_providers: ResourceProviderRow
  placement_inventories: InventoryRow
  placement_consumers: ConsumerRow
  placement_allocations: AllocationRow
  placement_resource_classes: NameRow
  placement_traits: NameRow
  placement_provider_traits: ProviderTraitRow
  placement_provider_aggregates: ProviderAggregateRow
}
