// Pages of lists: limit and marker in, links out.
import type { Call } from './route.ts'

export interface Page {
  limit: number
  marker: string | undefined
}

/** Limit (capped) and marker of a validated query. */
export function pageOf(query: { limit?: number | string; marker?: string }, maxLimit = 1000): Page {
  const limit = query.limit === undefined ? maxLimit : Math.min(Number(query.limit), maxLimit)
  return { limit, marker: query.marker }
}

/** The address of the page after the given marker: this request's own with another marker. */
export function nextLink(call: Pick<Call, 'search' | 'url'>, base: string, marker: string, limit?: number): string {
  const search = new URLSearchParams(call.search)
  if (limit !== undefined) search.set('limit', String(limit))
  search.set('marker', marker)
  return `${base}?${search}`
}
