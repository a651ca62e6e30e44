// Which projects a private flavor is shared with.

import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { Tenant } from './schema.ts'
import { getFlavor, insertAccess, projectsWithAccess, removeAccess } from './store.ts'
import { changingFlavor } from './telling.ts'

const ACTION = '/v2.1/flavors/:id/action'

async function accessView(compute: Compute, id: string): Promise<object> {
  const projects = await projectsWithAccess(compute, id)
  return { flavor_access: projects.map((tenant_id) => ({ flavor_id: id, tenant_id })) }
}

export const accessRoutes = [
  route({
    method: 'GET',
    path: '/v2.1/flavors/:id/os-flavor-access',
    policy: 'os-flavor-access',
    success: 200,
    handler: async (compute, { context, params }) => {
      const flavor = await getFlavor(compute, context, params['id']!)
      if (flavor.is_public) throw fault('FlavorAccessNotForPublic', {})
      return accessView(compute, flavor.id)
    },
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'addTenantAccess',
    policy: 'os-flavor-access:add_tenant_access',
    body: Type.Object({ addTenantAccess: Tenant }, closed),
    success: 200,
    handler: async (compute, { context, params, body, at }) => {
      const flavor = await getFlavor(compute, context, params['id']!)
      if (flavor.is_public && at('2.7')) throw fault('FlavorAccessPublic', {})
      const { tenant } = body.addTenantAccess
      await changingFlavor(compute, 'update', flavor.id, () => insertAccess(compute, flavor.id, tenant))
      return accessView(compute, flavor.id)
    },
  }),
  route({
    method: 'POST',
    path: ACTION,
    action: 'removeTenantAccess',
    policy: 'os-flavor-access:remove_tenant_access',
    body: Type.Object({ removeTenantAccess: Tenant }, closed),
    success: 200,
    handler: async (compute, { context, params, body }) => {
      const flavor = await getFlavor(compute, context, params['id']!)
      const { tenant } = body.removeTenantAccess
      await changingFlavor(compute, 'update', flavor.id, () => removeAccess(compute, flavor.id, tenant))
      return accessView(compute, flavor.id)
    },
  }),
]
