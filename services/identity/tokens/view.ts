// A token's body as clients see it; what its scope lacks is left out.
import type { CatalogEntry } from '../endpoints/catalog.ts'
import type { Json } from '../parts.ts'
import type { VerifiedToken } from './tokens.ts'

/** With microseconds, as Keystone writes times. */
const timeText = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z')

export function tokenView(token: VerifiedToken, catalog: CatalogEntry[] | undefined): Json {
  const scope = scopeView(token)
  return {
    methods: token.methods,
    user: {
      id: token.userId,
      name: token.userName,
      domain: { id: token.userDomainId, name: token.userDomainName },
      password_expires_at: null,
    },
    audit_ids: token.auditIds,
    issued_at: timeText(token.issuedAt),
    expires_at: timeText(token.expiresAt),
    ...scope,
    ...(scope && { roles: token.roleRefs }),
    ...(scope && catalog && { catalog }),
  }
}

/** Undefined for an unscoped token. */
function scopeView(token: VerifiedToken): Json | undefined {
  if (token.projectId !== null) {
    const domain = { id: token.projectDomainId, name: token.projectDomainName }
    return { project: { id: token.projectId, name: token.projectName, domain }, is_domain: false }
  }
  if (token.domainId !== null) return { domain: { id: token.domainId, name: token.domainName } }
  return token.systemScope ? { system: { all: true } } : undefined
}
