// Resource providers that pass all filters, found by one statement.
import { type ExpressionBuilder, type ExpressionWrapper, type SqlBool, sql } from 'kysely'
import type { AskedAggregates, AskedTraits } from '../asked.ts'
import type { Amounts } from '../client.ts'
import { type Placement, tables } from '../placement.ts'
import type { PlacementTables, ResourceProviderRow } from '../schema/tables.ts'

export interface ProviderFilters extends AskedTraits, AskedAggregates {
  name?: string | undefined
  id?: string | undefined
  /** All providers of the tree that this one is in. */
  inTree?: string | undefined
  /** Of each class it must take this amount now. */
  resources: Amounts
}

type Builder = ExpressionBuilder<PlacementTables & { provider: ResourceProviderRow }, 'provider'>
type Condition = ExpressionWrapper<PlacementTables, never, SqlBool>

export function listProviders(placement: Placement, filters: ProviderFilters): Promise<ResourceProviderRow[]> {
  return tables(placement)
    .selectFrom('placement_resource_providers as provider')
    .selectAll('provider')
    .where((eb) => eb.and(conditionsOf(eb as unknown as Builder, filters)))
    .orderBy('provider.created_at')
    .orderBy('provider.id')
    .execute()
}

function conditionsOf(eb: Builder, filters: ProviderFilters): Condition[] {
  const { name, id, inTree, resources, required, forbidden, memberOf, notMemberOf } = filters
  const conditions = [
    ...(name === undefined ? [] : [eb('provider.name', '=', name)]),
    ...(id === undefined ? [] : [eb('provider.id', '=', id)]),
    ...(inTree === undefined ? [] : [inTreeOf(eb, inTree)]),
    ...Object.entries(resources).map(([name, amount]) => hasRoom(eb, name, amount)),
    ...required.map((any) => hasTrait(eb, any)),
    ...(forbidden.length > 0 ? [eb.not(hasTrait(eb, forbidden))] : []),
    ...memberOf.map((any) => isMember(eb, any)),
    ...(notMemberOf.length > 0 ? [eb.not(isMember(eb, notMemberOf))] : []),
  ]
  return conditions as unknown as Condition[]
}

function inTreeOf(eb: Builder, id: string) {
  const root = eb.selectFrom('placement_resource_providers as named').select('named.root_id').where('named.id', '=', id)
  return eb('provider.root_id', '=', root)
}

function hasRoom(eb: Builder, name: string, amount: number) {
  return eb.exists(
    eb
      .selectFrom('placement_inventories as inventory')
      .select('inventory.total')
      .whereRef('inventory.provider_id', '=', 'provider.id')
      .where('inventory.resource_class', '=', name)
      .where('inventory.min_unit', '<=', amount)
      .where('inventory.max_unit', '>=', amount)
      .where(sql<boolean>`${sql.lit(amount)} % inventory.step_size = 0`)
      .where(
        sql<boolean>`inventory.used + ${sql.lit(amount)} <= (inventory.total - inventory.reserved) * inventory.allocation_ratio`,
      ),
  )
}

function hasTrait(eb: Builder, any: readonly string[]) {
  return eb.exists(
    eb
      .selectFrom('placement_provider_traits as carried')
      .select('carried.trait')
      .whereRef('carried.provider_id', '=', 'provider.id')
      .where('carried.trait', 'in', any),
  )
}

function isMember(eb: Builder, any: readonly string[]) {
  return eb.exists(
    eb
      .selectFrom('placement_provider_aggregates as member')
      .select('member.aggregate_id')
      .whereRef('member.provider_id', '=', 'provider.id')
      .where('member.aggregate_id', 'in', any),
  )
}
