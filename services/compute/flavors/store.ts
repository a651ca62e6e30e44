// The SQL on flavors.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { FlavorRow } from '../schema/tables.ts'

/** The flavor that the caller may see; a private one only with access. */
export async function findFlavor(
  compute: Compute,
  context: RequestContext,
  id: string,
): Promise<FlavorRow | undefined> {
  let query = tables(compute).selectFrom('compute_flavors').selectAll().where('id', '=', id)
  if (!context.isAdmin) {
    query = query.where((eb) =>
      eb.or([
        eb('is_public', '=', 1),
        eb.exists(
          eb
            .selectFrom('compute_flavor_access')
            .select('flavor_id')
            .whereRef('compute_flavor_access.flavor_id', '=', 'compute_flavors.id')
            .where('project_id', '=', context.projectId ?? ''),
        ),
      ]),
    )
  }
  return query.executeTakeFirst()
}

/** The extra specs of these flavors, by flavor id. */
export async function extraSpecsOf(
  compute: Compute,
  ids: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const specs = new Map<string, Record<string, string>>(ids.map((id) => [id, {}]))
  if (ids.length === 0) return specs
  const rows = await tables(compute)
    .selectFrom('compute_flavor_extra_specs')
    .selectAll()
    .where('flavor_id', 'in', ids)
    .execute()
  for (const { flavor_id, key, value } of rows) specs.get(flavor_id)![key] = value
  return specs
}
