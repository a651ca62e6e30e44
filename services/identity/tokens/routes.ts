// /v3/auth: tokens, and what a token's user can scope to.
import type { Call } from '@kilonova/api/route'
import { Answer } from '@kilonova/api/route'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { domainView } from '../domains/view.ts'
import { baseUrlFor } from '../endpoints/routes.ts'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import { flagOf, linksOf } from '../listing.ts'
import { projectViews } from '../projects/routes.ts'
import type { ProjectRow } from '../schema/tables.ts'
import { authenticate } from './authenticate.ts'
import { CreateToken } from './schema.ts'
import type { VerifiedToken } from './tokens.ts'
import { tokenView } from './view.ts'

type AnyCall = Call<unknown, unknown>

const TOKENS = '/v3/auth/tokens'

async function answerToken(identity: Identity, call: AnyCall, text: string, token: VerifiedToken): Promise<Answer> {
  const wanted = !flagOf(call.search, 'nocatalog')
  const { projectId, userId } = token
  const filling = { baseUrl: baseUrlFor(identity, call), projectId, userId }
  const catalog = wanted ? await identity.catalog.filled(filling) : undefined
  return new Answer({ headers: { 'x-subject-token': text }, body: { token: tokenView(token, catalog) } })
}

interface SubjectToken {
  text: string
  token: VerifiedToken
}

/** The token in X-Subject-Token, if the rule lets the caller ask about it. */
async function subjectToken({ tokens }: Identity, call: AnyCall, rule: string): Promise<SubjectToken> {
  const text = call.headers['x-subject-token']
  if (typeof text !== 'string') throw fault('Expecting', { attribute: 'X-Subject-Token', target: 'headers' })
  const token = await tokens.verify(text, { allowExpired: flagOf(call.search, 'allow_expired') })
  if (!token) throw fault('TokenNotFound', {})
  call.require(rule, { userId: token.userId })
  return { text, token }
}

/** The enabled ones of these, in enabled domains. */
async function enabledOf({ projects }: Identity, ids: readonly string[]): Promise<ProjectRow[]> {
  const rows = await projects.byIds(ids, [sql<SqlBool>`enabled = 1`])
  const domains = await projects.byIds([...new Set(rows.map((row) => row.domain_id))])
  const enabled = new Set(domains.filter((domain) => domain.enabled === 1).map((domain) => domain.id))
  return rows.filter((row) => row.is_domain === 1 || enabled.has(row.domain_id))
}

export const tokenRoutes = [
  route({
    method: 'POST',
    path: TOKENS,
    policy: 'public',
    body: CreateToken,
    success: 201,
    async handler(identity, call) {
      const { text, token } = await authenticate(identity, call.body.auth, call.context.remoteAddress)
      return answerToken(identity, call, text, token)
    },
  }),
  route({
    method: 'GET',
    path: TOKENS,
    policy: 'identity:validate_token',
    success: 200,
    async handler(identity, call) {
      const { text, token } = await subjectToken(identity, call, 'identity:validate_token')
      return answerToken(identity, call, text, token)
    },
  }),
  route({
    method: 'HEAD',
    path: TOKENS,
    policy: 'identity:check_token',
    success: 200,
    async handler(identity, call) {
      const { text } = await subjectToken(identity, call, 'identity:check_token')
      return new Answer({ headers: { 'x-subject-token': text } })
    },
  }),
  route({
    method: 'DELETE',
    path: TOKENS,
    policy: 'identity:revoke_token',
    success: 204,
    async handler(identity, call) {
      const { token } = await subjectToken(identity, call, 'identity:revoke_token')
      await identity.tokens.revoke(token)
    },
  }),
]

export const authRoutes = [
  route({
    method: 'GET',
    path: '/v3/auth/projects',
    policy: 'identity:get_auth_projects',
    success: 200,
    async handler(identity, call) {
      const { projects } = await identity.assignments.scopesOf(call.context.userId!)
      const rows = await enabledOf(identity, projects)
      const view = await projectViews(identity, call, rows)
      return { projects: rows.map(view), links: linksOf(call) }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/domains',
    policy: 'identity:get_auth_domains',
    success: 200,
    async handler(identity, call) {
      const { domains } = await identity.assignments.scopesOf(call.context.userId!)
      const rows = await enabledOf(identity, domains)
      const tags = await identity.projects.tags(rows.map((row) => row.id))
      return { domains: rows.map((row) => domainView(call, row, tags.get(row.id)!)), links: linksOf(call) }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/system',
    policy: 'identity:get_auth_system',
    success: 200,
    async handler(identity, call) {
      const { system } = await identity.assignments.scopesOf(call.context.userId!)
      return { system: system ? [{ all: true }] : [], links: { self: linksOf(call).self } }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/catalog',
    policy: 'identity:get_auth_catalog',
    success: 200,
    async handler(identity, call) {
      const { projectId, userId, domainId, systemScope } = call.context
      if (projectId === null && domainId === null && systemScope === null) {
        throw fault('Forbidden', { message: 'A scoped token is required to produce a service catalog.' })
      }
      const catalog = await identity.catalog.filled({ baseUrl: baseUrlFor(identity, call), projectId, userId })
      return { catalog, links: linksOf(call) }
    },
  }),
]
