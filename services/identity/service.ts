// Identity as the API mounts it: manners, policy, routes.
import type { Route } from '@kilonova/api/route'
import type { Service } from '@kilonova/api/server'
import { grantRoutes } from './assignments/grant-routes.ts'
import { assignmentRoutes } from './assignments/routes.ts'
import { domainRoutes } from './domains/routes.ts'
import { endpointRoutes } from './endpoints/routes.ts'
import { groupRoutes } from './groups/routes.ts'
import type { Identity } from './identity.ts'
import { manners } from './manners.ts'
import { policy } from './policy.ts'
import { projectRoutes } from './projects/routes.ts'
import { tagRoutes } from './projects/tag-routes.ts'
import { regionRoutes } from './regions/routes.ts'
import { impliedRoleRoutes } from './roles/implied-routes.ts'
import { roleRoutes } from './roles/routes.ts'
import { serviceRoutes } from './services/routes.ts'
import { authRoutes, tokenRoutes } from './tokens/routes.ts'
import { userRoutes } from './users/routes.ts'
import { versionRoutes } from './versions.ts'

const ROUTES: readonly Route<Identity>[] = [
  ...versionRoutes,
  ...tokenRoutes,
  ...authRoutes,
  ...domainRoutes,
  ...projectRoutes,
  ...tagRoutes,
  ...userRoutes,
  ...groupRoutes,
  ...roleRoutes,
  ...impliedRoleRoutes,
  ...grantRoutes,
  ...assignmentRoutes,
  ...regionRoutes,
  ...serviceRoutes,
  ...endpointRoutes,
]

/** What can be read can be asked for without its body. */
function withHeads(routes: readonly Route<Identity>[]): Route<Identity>[] {
  const heads = new Set(routes.filter(({ method }) => method === 'HEAD').map(({ path }) => path))
  const missing = routes.filter(({ method, path }) => method === 'GET' && !heads.has(path))
  return [...routes, ...missing.map((route) => ({ ...route, method: 'HEAD' as const }))]
}

export function identityService(identity: Identity): Service<Identity> {
  return { manners, policy, routes: withHeads(ROUTES), deps: identity }
}
