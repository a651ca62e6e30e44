// The operator's API as the API server mounts it.
import type { Service } from '@kilonova/api/server'
import { operatorManners } from './manners.ts'
import type { Operator } from './operator.ts'
import { policy } from './policy.ts'
import { operatorRoutes } from './routes.ts'

export function operatorService(operator: Operator): Service<Operator> {
  return { manners: operatorManners, policy, routes: operatorRoutes, deps: operator }
}
