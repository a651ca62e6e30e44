// Network's own `route`: handlers get Network, rules come from its policy.
import { routeOf } from '@kilonova/api/route'
import type { Network } from './network.ts'
import { policy } from './policy.ts'

export const route = routeOf<Network, typeof policy>(policy)
