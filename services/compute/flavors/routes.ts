// The routes of flavors.
import { nextLink } from '@kilonova/api/paging'
import type { Call } from '@kilonova/api/route'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import type { FlavorRow } from '../schema/tables.ts'
import { accessRoutes } from './access-routes.ts'
import { createFlavor } from './create.ts'
import { extraSpecRoutes } from './extra-spec-routes.ts'
import { listFlavors } from './list.ts'
import {
  CreateFlavor,
  FlavorShown,
  FlavorsDetailed,
  FlavorsListed,
  ListFlavors,
  type ListFlavors as Query,
  UpdateFlavor,
} from './schema.ts'
import { describeFlavor, extraSpecsOf, getFlavor, removeFlavor } from './store.ts'
import { changingFlavor, removingFlavor } from './telling.ts'
import { briefFlavor, flavorView } from './view.ts'

const ONE = '/v2.1/flavors/:id'

async function viewsOf(
  compute: Compute,
  call: Pick<Call, 'at' | 'allows' | 'url'>,
  rows: FlavorRow[],
): Promise<object[]> {
  const specs = await extraSpecsOf(
    compute,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => flavorView(call, row, specs.get(row.id)!))
}

async function viewOf(compute: Compute, call: Pick<Call, 'at' | 'allows' | 'url'>, row: FlavorRow): Promise<object> {
  const [flavor] = await viewsOf(compute, call, [row])
  return { flavor }
}

function linksOf(call: Call<unknown, Query>, path: string, next: string | undefined): object {
  return next === undefined
    ? {}
    : { flavors_links: [{ rel: 'next', href: nextLink(call, `${call.url.versioned}/${path}`, next) }] }
}

export const flavorRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/flavors',
    policy: 'flavors:index',
    query: ListFlavors,
    success: 200,
    reply: FlavorsListed,
    handler: async (compute, call) => {
      const { rows, next } = await listFlavors(compute, call)
      return { flavors: rows.map((row) => briefFlavor(call, row)), ...linksOf(call, 'flavors', next) }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/flavors/detail',
    policy: 'flavors:index',
    query: ListFlavors,
    success: 200,
    reply: FlavorsDetailed,
    handler: async (compute, call) => {
      const { rows, next } = await listFlavors(compute, call)
      return { flavors: await viewsOf(compute, call, rows), ...linksOf(call, 'flavors/detail', next) }
    },
  }),
  route({
    method: 'POST',
    path: '/v2.1/flavors',
    once: true,
    policy: 'os-flavor-manage:create',
    body: CreateFlavor,
    success: 200,
    reply: FlavorShown,
    handler: async (compute, call) => viewOf(compute, call, await createFlavor(compute, call.body.flavor)),
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'flavors:index',
    success: 200,
    reply: FlavorShown,
    handler: async (compute, call) => viewOf(compute, call, await getFlavor(compute, call.context, call.params['id']!)),
  }),
  route({
    method: 'PUT',
    path: ONE,
    since: '2.55',
    policy: 'os-flavor-manage:update',
    body: UpdateFlavor,
    success: 200,
    reply: FlavorShown,
    handler: async (compute, call) => {
      const id = call.params['id']!
      const { description } = call.body.flavor
      const row = await changingFlavor(compute, 'update', id, () => describeFlavor(compute, id, description))
      if (!row) throw fault('FlavorNotFound', { id })
      return viewOf(compute, call, row)
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-flavor-manage:delete',
    success: 202,
    handler: async (compute, { params }) => {
      const id = params['id']!
      if (!(await removingFlavor(compute, id, () => removeFlavor(compute, id)))) throw fault('FlavorNotFound', { id })
    },
  }),
  ...accessRoutes,
  ...extraSpecRoutes,
]
