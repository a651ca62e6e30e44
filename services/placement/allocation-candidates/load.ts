// Loads what a request needs to know, in a fixed number of statements however many providers there are.
import { type Placement, tables } from '../placement.ts'
import type { Conditions, Request, World } from './request.ts'
import { SHARING_TRAIT } from './request.ts'

export async function loadWorld(placement: Placement, request: Request): Promise<World> {
  const db = tables(placement)
  const classes = [...new Set(request.groups.flatMap(({ resources }) => Object.keys(resources)))]
  const nodes = await db
    .selectFrom('placement_resource_providers')
    .select(['id', 'parent_id as parentId', 'root_id as rootId'])
    .orderBy('created_at')
    .orderBy('id')
    .execute()
  const inventories = await db
    .selectFrom('placement_inventories')
    .selectAll()
    .where('resource_class', 'in', classes)
    .execute()
  const traits = await db
    .selectFrom('placement_provider_traits')
    .selectAll()
    .where('trait', 'in', [...namedTraits(request), SHARING_TRAIT])
    .execute()
  const isSharing = traits.some(({ trait }) => trait === SHARING_TRAIT)
  const named = isSharing ? [] : request.groups.flatMap(namedAggregates)
  const aggregates =
    isSharing || named.length > 0
      ? await db
          .selectFrom('placement_provider_aggregates')
          .selectAll()
          .$if(!isSharing, (query) => query.where('aggregate_id', 'in', named))
          .execute()
      : []
  return {
    providers: new Map(nodes.map((node) => [node.id, node])),
    inventories: byProvider(inventories, (rows) => new Map(rows.map((row) => [row.resource_class, row]))),
    traits: byProvider(traits, (rows) => new Set(rows.map(({ trait }) => trait))),
    aggregates: byProvider(aggregates, (rows) => new Set(rows.map(({ aggregate_id }) => aggregate_id))),
  }
}

/** Every trait that the request names. */
export function namedTraits({ groups, root }: Request): string[] {
  const of = ({ required, forbidden }: Pick<Conditions, 'required' | 'forbidden'>) => [...required.flat(), ...forbidden]
  return [...new Set([...groups.flatMap(of), ...of(root)])]
}

const namedAggregates = ({ memberOf, notMemberOf }: Conditions): string[] => [...memberOf.flat(), ...notMemberOf]

function byProvider<Row extends { provider_id: string }, Value>(
  rows: readonly Row[],
  make: (rows: Row[]) => Value,
): Map<string, Value> {
  const grouped = Map.groupBy(rows, ({ provider_id }) => provider_id)
  return new Map([...grouped].map(([id, own]) => [id, make(own)]))
}
