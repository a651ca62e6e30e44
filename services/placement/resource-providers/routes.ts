// /resource_providers: whoever has something to hand out.
import type { Call } from '@kilonova/api/route'
import { askedAggregates, askedResources, askedTraits } from '../asked.ts'
import { fault } from '../faults.ts'
import type { Placement } from '../placement.ts'
import { requireClasses } from '../resource-classes/store.ts'
import { dated, route } from '../route.ts'
import type { ResourceProviderRow } from '../schema/tables.ts'
import { requireTraits } from '../traits/store.ts'
import { listProviders } from './list.ts'
import { CreateProvider, ListProviders, ShownProvider, ShownProviders, UpdateProvider } from './schema.ts'
import { createProvider, deleteProvider, providerOf, updateProvider } from './store.ts'
import { newest, providerPath, providerView } from './view.ts'

interface ListQuery {
  name?: string
  uuid?: string
  member_of?: string[]
  resources?: string
  in_tree?: string
  required?: string[]
}

async function list(placement: Placement, { query, at }: Call<unknown, ListQuery>): Promise<ResourceProviderRow[]> {
  const resources = query.resources === undefined ? {} : askedResources(query.resources)
  const traits = askedTraits(query.required ?? [], at)
  const aggregates = askedAggregates(query.member_of ?? [], at)
  await requireClasses(placement, Object.keys(resources))
  await requireTraits(placement, [...traits.required.flat(), ...traits.forbidden])
  const { name, uuid: id, in_tree: inTree } = query
  return listProviders(placement, { name, id, inTree, resources, ...traits, ...aggregates })
}

const shown = (placement: Placement, call: Pick<Call, 'at'>, row: ResourceProviderRow) =>
  dated(placement, call, { body: providerView(call, row), changedAt: row.updated_at })

export const resourceProviderRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers',
    policy: 'placement:resource_providers:list',
    query: ListProviders,
    success: 200,
    reply: ShownProviders,
    handler: async (placement, call) => {
      const rows = await list(placement, call)
      const body = { resource_providers: rows.map((row) => providerView(call, row)) }
      return dated(placement, call, { body, ...newest(rows) })
    },
  }),
  route({
    method: 'POST',
    path: '/resource_providers',
    once: true,
    policy: 'placement:resource_providers:create',
    body: CreateProvider,
    success: { '1.0': 201, '1.20': 200 },
    reply: ShownProvider,
    handler: async (placement, call) => {
      const { name, uuid: id = placement.random.uuid(), parent_provider_uuid: parentId = null } = call.body
      await createProvider(placement, { id, name, parentId })
      const location = `${call.url.service}${providerPath(id)}`
      if (!call.at('1.20')) return dated(placement, call, { location })
      const row = await providerOf(placement, id)
      return dated(placement, call, { location, body: providerView(call, row), changedAt: row.updated_at })
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:uuid',
    policy: 'placement:resource_providers:show',
    success: 200,
    reply: ShownProvider,
    handler: async (placement, call) => shown(placement, call, await providerOf(placement, call.params['uuid']!)),
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid',
    policy: 'placement:resource_providers:update',
    body: UpdateProvider,
    success: 200,
    reply: ShownProvider,
    handler: async (placement, call) => {
      const id = call.params['uuid']!
      const { name, parent_provider_uuid: parentId } = call.body
      await updateProvider(placement, id, { name, parentId, mayReparent: call.at('1.37') })
      return shown(placement, call, await providerOf(placement, id))
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid',
    policy: 'placement:resource_providers:delete',
    success: 204,
    handler: async (placement, { params }) => {
      const provider = params['uuid']!
      if (!(await deleteProvider(placement, provider))) throw fault('ResourceProviderNotFound', { provider })
    },
  }),
]
