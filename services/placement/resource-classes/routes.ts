// /resource_classes: what can be counted.

import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { fault } from '../faults.ts'
import type { Placement } from '../placement.ts'
import { dated, route } from '../route.ts'
import { manners } from '../versions.ts'
import { STANDARD_RESOURCE_CLASSES } from './standard-resource-classes.ts'
import { classExists, createClass, customClasses, deleteClass, renameClass } from './store.ts'

const NamedClass = Type.Object({ name: Type.String({ pattern: '^CUSTOM_[A-Z0-9_]+$', maxLength: 255 }) }, closed)

const pathOf = (name: string): string => `/resource_classes/${name}`
const view = (name: string) => ({ name, links: [{ rel: 'self', href: `${manners.prefix}${pathOf(name)}` }] })

async function show(placement: Placement, name: string): Promise<object> {
  if (!(await classExists(placement, name))) throw fault('ResourceClassNotFound', { name })
  return view(name)
}

export const resourceClassRoutes = [
  route({
    method: 'GET',
    path: '/resource_classes',
    since: '1.2',
    policy: 'placement:resource_classes:list',
    success: 200,
    handler: async (placement, call) => {
      const names = [...STANDARD_RESOURCE_CLASSES, ...(await customClasses(placement))]
      return dated(placement, call, { body: { resource_classes: names.map(view) } })
    },
  }),
  route({
    method: 'POST',
    path: '/resource_classes',
    once: true,
    since: '1.2',
    policy: 'placement:resource_classes:create',
    body: NamedClass,
    success: 201,
    handler: async (placement, call) => {
      const { name } = call.body
      if (!(await createClass(placement, name))) throw fault('ResourceClassExists', { name })
      return dated(placement, call, { location: `${call.url.service}${pathOf(name)}` })
    },
  }),
  route({
    method: 'GET',
    path: '/resource_classes/:name',
    since: '1.2',
    policy: 'placement:resource_classes:show',
    success: 200,
    handler: async (placement, call) => dated(placement, call, { body: await show(placement, call.params['name']!) }),
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    since: '1.2',
    until: '1.6',
    policy: 'placement:resource_classes:update',
    body: NamedClass,
    success: 200,
    handler: async (placement, { params, body }) => {
      await renameClass(placement, params['name']!, body.name)
      return view(body.name)
    },
  }),
  route({
    method: 'PUT',
    path: '/resource_classes/:name',
    since: '1.7',
    policy: 'placement:resource_classes:update',
    success: 204,
    handler: async (placement, call) => {
      const name = call.params['name']!
      const isNew = await createClass(placement, name)
      return dated(placement, call, { status: isNew ? 201 : 204, location: `${call.url.service}${pathOf(name)}` })
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_classes/:name',
    since: '1.2',
    policy: 'placement:resource_classes:delete',
    success: 204,
    handler: (placement, { params }) => deleteClass(placement, params['name']!),
  }),
]
