// The image service's own `route`.
import { routeOf } from '@kilonova/api/route'
import type { ImageParts } from './parts.ts'
import { policy } from './policy.ts'

export const route = routeOf<ImageParts, typeof policy>(policy)
