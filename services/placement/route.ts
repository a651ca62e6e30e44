// Placement's own `route`, and answers with the headers that say how old they are.
import type { Call } from '@kilonova/api/route'
import { Answer, routeOf } from '@kilonova/api/route'
import type { Placement } from './placement.ts'
import { policy } from './policy.ts'

export const route = routeOf<Placement, typeof policy>(policy)

interface Dated {
  /** When what is shown last changed, milliseconds since 1970; left out for what has no such time: now. */
  changedAt?: number
  status?: number
  location?: string
  body?: unknown
}

/** An answer that from version 1.15 on says when it changed and that it is not to be kept. */
export function dated(placement: Placement, call: Pick<Call, 'at'>, { changedAt, location, ...answer }: Dated): Answer {
  const headers: Record<string, string> = location === undefined ? {} : { location }
  if (call.at('1.15')) {
    headers['last-modified'] = new Date(changedAt ?? placement.clock.now()).toUTCString()
    headers['cache-control'] = 'no-cache'
  }
  return new Answer({ ...answer, headers })
}
