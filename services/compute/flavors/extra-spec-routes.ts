// The extra specs of a flavor.
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { checkExtraSpecs } from './extra-spec-rules.ts'
import { CreateExtraSpecs, UpdateExtraSpec } from './schema.ts'
import { extraSpecsOf, getFlavor, removeExtraSpec, setExtraSpecs } from './store.ts'
import { changingFlavor } from './telling.ts'

const ALL = '/v2.1/flavors/:flavorId/os-extra_specs'
const ONE = `${ALL}/:key`

/** As they are kept; checked from 2.86 on. */
function textsOf({ at }: Pick<Call, 'at'>, specs: Record<string, string | number>): Record<string, string> {
  const texts = Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]))
  if (at('2.86')) checkExtraSpecs(texts)
  return texts
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
    handler: async (compute, call) => {
      const { extra_specs: specs } = call.body
      const texts = textsOf(call, specs)
      const { id } = await getFlavor(compute, call.context, call.params['flavorId']!)
      await changingFlavor(compute, 'update', id, () => setExtraSpecs(compute, id, texts))
      return { extra_specs: specs }
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
    handler: async (compute, call) => {
      const { params, body } = call
      const texts = textsOf(call, body)
      if (!Object.hasOwn(body, params['key']!)) throw fault('BadRequest', { message: 'Request body and URI mismatch' })
      const { id } = await getFlavor(compute, call.context, params['flavorId']!)
      await changingFlavor(compute, 'update', id, () => setExtraSpecs(compute, id, texts))
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
      await changingFlavor(compute, 'update', id, async () => {
        if (!(await removeExtraSpec(compute, id, key))) throw fault('FlavorExtraSpecNotFound', { id, key })
      })
    },
  }),
]
