// /traits: the names that providers may carry.

import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { fault } from '../faults.ts'
import type { Placement } from '../placement.ts'
import { dated, route } from '../route.ts'
import { STANDARD_TRAITS } from './standard-traits.ts'
import { associatedTraits, createTrait, customTraits, deleteTrait, unknownTraits } from './store.ts'

const ListTraits = Type.Object(
  {
    name: Type.Optional(Type.String({ pattern: '^(in:[A-Z0-9_,]+|startswith:[A-Z0-9_]*)$' })),
    associated: Type.Optional(Type.String({ pattern: '^([Tt]rue|[Ff]alse|TRUE|FALSE|0|1)$' })),
  },
  closed,
)

interface Filter {
  name?: string | undefined
  associated?: string | undefined
}

async function listTraits(placement: Placement, { name, associated }: Filter): Promise<string[]> {
  const all = [...STANDARD_TRAITS, ...(await customTraits(placement))]
  const carried = associated === undefined ? undefined : await associatedTraits(placement)
  const isCarried = /^(true|1)$/i.test(associated ?? '')
  const [how, what = ''] = name?.split(':') ?? []
  const names = new Set(what.split(','))
  return all.filter((trait) => {
    if (how === 'in' && !names.has(trait)) return false
    if (how === 'startswith' && !trait.startsWith(what)) return false
    return carried === undefined || carried.has(trait) === isCarried
  })
}

export const traitRoutes = [
  route({
    method: 'GET',
    path: '/traits',
    since: '1.6',
    policy: 'placement:traits:list',
    query: ListTraits,
    success: 200,
    handler: async (placement, call) =>
      dated(placement, call, { body: { traits: await listTraits(placement, call.query) } }),
  }),
  route({
    method: 'GET',
    path: '/traits/:name',
    since: '1.6',
    policy: 'placement:traits:show',
    success: 204,
    handler: async (placement, call) => {
      const name = call.params['name']!
      if ((await unknownTraits(placement, [name])).length > 0) throw fault('TraitNotFound', { name })
      return dated(placement, call, {})
    },
  }),
  route({
    method: 'PUT',
    path: '/traits/:name',
    since: '1.6',
    policy: 'placement:traits:update',
    success: 204,
    handler: async (placement, call) => {
      const name = call.params['name']!
      const isNew = await createTrait(placement, name)
      return dated(placement, call, {
        status: isNew ? 201 : 204,
        location: `${call.url.service}/traits/${name}`,
      })
    },
  }),
  route({
    method: 'DELETE',
    path: '/traits/:name',
    since: '1.6',
    policy: 'placement:traits:delete',
    success: 204,
    handler: (placement, { params }) => deleteTrait(placement, params['name']!),
  }),
]
