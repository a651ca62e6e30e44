// Compute's own `route`: handlers get Compute, rules come from its policy.
import { routeOf } from '@kilonova/api/route'
import type { Compute } from './compute.ts'
import { policy } from './policy.ts'

export const route = routeOf<Compute, typeof policy>(policy)
