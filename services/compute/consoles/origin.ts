// Whose pages may use a console: by the header that browsers send and pages cannot change.
import type { IncomingHttpHeaders } from 'node:http'
import { fault } from '../faults.ts'

export interface OriginRules {
  /** Names of hosts besides the one that is asked. */
  allowed: readonly string[]
  /** What the console's link began with: its page must be had as safely. */
  accessUrlBase: string
}

const PAGES_OF: Record<string, string[]> = { ws: ['ws', 'http'], wss: ['wss', 'https'] }

/** Refuses pages of other hosts. Who sends no Origin is no browser. */
export function checkOrigin(headers: IncomingHttpHeaders, { allowed, accessUrlBase }: OriginRules): void {
  const { host, origin } = headers
  if (origin === undefined) return
  if (!URL.canParse(origin)) throw fault('ConsoleOriginRefused', { why: 'Origin header not valid.' })
  const { hostname, protocol } = new URL(origin)
  const expected = [...allowed, hostnameOf(host)].map((name) => name?.toLowerCase())
  if (hostname === '' || !expected.includes(hostname)) {
    throw fault('ConsoleOriginRefused', { why: 'Origin header does not match this host.' })
  }
  const forwarded = headers['x-forwarded-proto']
  const scheme = typeof forwarded === 'string' ? forwarded : protocol.slice(0, -1)
  const expectedScheme = accessUrlBase.split(':')[0]!
  if ((PAGES_OF[expectedScheme] ?? [expectedScheme]).includes(scheme)) return
  throw fault('ConsoleOriginRefused', { why: 'Origin header protocol does not match this host.' })
}

/** Without the port; as an Origin would have it. */
function hostnameOf(host: string | undefined): string | undefined {
  const url = `http://${host}`
  return host !== undefined && URL.canParse(url) ? new URL(url).hostname : undefined
}
