// The extra specs of a flavor.
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { CreateExtraSpecs, UpdateExtraSpec } from './schema.ts'
import { extraSpecsOf, getFlavor, removeExtraSpec, setExtraSpecs } from './store.ts'

const ALL = '/v2.1/flavors/:flavorId/os-extra_specs'
const ONE = `${ALL}/:key`

function texts(specs: Record<string, string | number>): Record<string, string> {
  return Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]))
}

export const extraSpecRoutes = [
  route({
    method: 'GET',
    path: ALL,
    policy: 'os-flavor-extra-specs:index',
    success: 200,
    handler: async (compute, { context, params }) => {
      const { id } = await getFlavor(compute, context, params['flavorId']!)
      return { extra_specs: (await extraSpecsOf(compute, [id])).get(id) }
    },
  }),
  route({
    method: 'POST',
    path: ALL,
    policy: 'os-flavor-extra-specs:create',
    body: CreateExtraSpecs,
    success: 200,
    handler: async (compute, { context, params, body }) => {
      const { id } = await getFlavor(compute, context, params['flavorId']!)
      await setExtraSpecs(compute, id, texts(body.extra_specs))
      return body
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-flavor-extra-specs:show',
    success: 200,
    handler: async (compute, { context, params }) => {
      const { id } = await getFlavor(compute, context, params['flavorId']!)
      const key = params['key']!
      const specs = (await extraSpecsOf(compute, [id])).get(id)!
      if (!Object.hasOwn(specs, key)) throw fault('FlavorExtraSpecNotFound', { id, key })
      return { [key]: specs[key] }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'os-flavor-extra-specs:update',
    body: UpdateExtraSpec,
    success: 200,
    handler: async (compute, { context, params, body }) => {
      if (!Object.hasOwn(body, params['key']!)) throw fault('BadRequest', { message: 'Request body and URI mismatch' })
      const { id } = await getFlavor(compute, context, params['flavorId']!)
      await setExtraSpecs(compute, id, texts(body))
      return body
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'os-flavor-extra-specs:delete',
    success: 200,
    handler: async (compute, { context, params }) => {
      const { id } = await getFlavor(compute, context, params['flavorId']!)
      const key = params['key']!
      if (!(await removeExtraSpec(compute, id, key))) throw fault('FlavorExtraSpecNotFound', { id, key })
    },
  }),
]
