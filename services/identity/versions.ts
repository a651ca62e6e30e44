// Discovery: which versions of the API there are, and where.
import type { Call } from '@kilonova/api/route'
import { baseUrlFor } from './endpoints/routes.ts'
import type { Identity } from './identity.ts'
import { route } from './identity-route.ts'

const MEDIA_TYPES = [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }]

const version = (identity: Identity, call: Call<unknown, unknown>) => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${baseUrlFor(identity, call)}/identity/v3/` }],
  'media-types': MEDIA_TYPES,
})

export const versionRoutes = [
  route({
    method: 'GET',
    path: '/',
    policy: 'public',
    success: 300,
    handler: async (identity, call) => ({ versions: { values: [version(identity, call)] } }),
  }),
  route({
    method: 'GET',
    path: '/v3',
    policy: 'public',
    success: 200,
    handler: async (identity, call) => ({ version: version(identity, call) }),
  }),
]
