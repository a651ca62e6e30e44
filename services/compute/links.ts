// Where a resource is found, as Nova's replies link it.
import type { Call } from '@kilonova/api/route'

type Asked = Pick<Call, 'url'>

export interface Link {
  rel: string
  href: string
}

/** Without the version; with the project where the caller's path names it. `path` as `servers/ID`. */
export function bookmark({ url }: Asked, path: string): Link {
  const project = url.versioned.slice(url.service.length).replace(/^\/v[0-9.]+/, '')
  return { rel: 'bookmark', href: `${url.service}${project}/${path}` }
}

/** `self` and `bookmark`. */
export function linksTo(call: Asked, path: string): Link[] {
  return [{ rel: 'self', href: `${call.url.versioned}/${path}` }, bookmark(call, path)]
}
