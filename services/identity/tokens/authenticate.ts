// A login: proves who the caller is by each named method, settles the scope, issues the token.
import type { Changes } from '../changes.ts'
import { fault } from '../faults.ts'
import type { Projects } from '../projects/store.ts'
import type { UserRow } from '../schema/tables.ts'
import type { Passwords } from '../users/passwords.ts'
import type { Users } from '../users/store.ts'
import type { LoginLimits } from './login-limits.ts'
import type { Auth, DomainRef, PasswordUser, ScopeBody } from './schema.ts'
import type { Method, Scope } from './seal.ts'
import type { Subjects } from './subjects.ts'
import type { Tokens, VerifiedToken } from './tokens.ts'

export interface AuthenticateParts {
  readonly changes: Changes
  readonly projects: Projects
  readonly users: Users
  readonly passwords: Passwords
  readonly subjects: Subjects
  readonly tokens: Tokens
  readonly limits: LoginLimits
}

interface Proof {
  userId: string
  userGeneration: number
}

interface Proven extends Proof {
  methods: Method[]
  parent: VerifiedToken | undefined
}

export async function authenticate(
  parts: AuthenticateParts,
  { identity, scope }: Auth,
  remoteAddress: string | null,
): Promise<{ text: string; token: VerifiedToken }> {
  const wanted = scopeBodyOf(scope)
  await parts.changes.look()
  const proven = await prove(parts, identity, remoteAddress)
  const found = wanted ? await scopeOf(parts, wanted) : await defaultScope(parts, proven.userId)
  return parts.tokens.issue({ ...proven, scope: found })
}

async function prove(parts: AuthenticateParts, identity: Auth['identity'], address: string | null): Promise<Proven> {
  const proofs: Proof[] = []
  const used = new Set<Method>()
  let parent: VerifiedToken | undefined
  for (const method of new Set(identity.methods)) {
    if (method === 'password') {
      if (!identity.password) throw fault('Expecting', { attribute: 'password', target: 'identity' })
      proofs.push(await provePassword(parts, identity.password.user, address))
      used.add('password')
    } else if (method === 'token') {
      if (!identity.token) throw fault('Expecting', { attribute: 'token', target: 'identity' })
      parent = await parts.tokens.verify(identity.token.id)
      if (!parent) throw fault('Unauthorized', {})
      proofs.push(parent)
      for (const earlier of ['token', ...parent.methods] as const) used.add(earlier)
    } else throw fault('AuthMethodNotSupported', {})
  }
  const [{ userId, userGeneration }, ...others] = proofs as [Proof, ...Proof[]]
  if (others.some((other) => other.userId !== userId || other.userGeneration !== userGeneration)) {
    throw fault('Unauthorized', {})
  }
  return { userId, userGeneration, methods: [...used], parent }
}

/** The same work and the same refusal for an unknown user, a wrong password, and a user who may not log in. */
async function provePassword(parts: AuthenticateParts, given: PasswordUser, address: string | null): Promise<Proof> {
  const said = given.id ?? `${given.name} ${given.domain?.id ?? ''} ${given.domain?.name ?? ''}`
  parts.limits.check(said, address)
  const user = await findUser(parts, given)
  const right = await parts.passwords.verify(given.password, user?.password_hash)
  const subject = user && (await parts.subjects.find(user.id, { kind: 'unscoped' }))
  if (!right || !subject) {
    parts.limits.failed(said, address)
    throw fault('Unauthorized', {})
  }
  if (parts.passwords.isOutdated(user.password_hash!)) await parts.users.rehash(user, given.password)
  return { userId: user.id, userGeneration: user.token_generation }
}

async function findUser({ users, projects }: AuthenticateParts, given: PasswordUser): Promise<UserRow | undefined> {
  if (given.id !== undefined) return users.get(given.id)
  if (given.name === undefined) throw fault('Expecting', { attribute: 'id or name', target: 'user' })
  const domainId = await domainIdOf(projects, given.domain, 'user')
  return users.byName(given.name, domainId ?? '')
}

/** The domain's id, unchecked if given as an id; undefined for a name that no domain has. */
async function domainIdOf(projects: Projects, ref: DomainRef | undefined, target: string): Promise<string | undefined> {
  if (!ref) throw fault('Expecting', { attribute: 'domain', target })
  if (ref.id !== undefined) return ref.id
  if (ref.name === undefined) throw fault('Expecting', { attribute: 'id or name', target: 'domain' })
  return (await projects.domainByName(ref.name))?.id
}

type WantedScope = Exclude<ScopeBody, string>

/** The scope asked for; undefined when the caller leaves it to us. */
function scopeBodyOf(scope: ScopeBody | undefined): WantedScope | undefined {
  if (scope === undefined) return undefined
  if (typeof scope === 'string') return { unscoped: {} }
  if (Object.keys(scope).length !== 1) {
    throw fault('Expecting', { attribute: 'one of project, domain, system or unscoped', target: 'scope' })
  }
  return scope
}

async function scopeOf({ projects }: AuthenticateParts, { project, domain, system }: WantedScope): Promise<Scope> {
  if (system) return { kind: 'system' }
  if (domain) {
    const id = await domainIdOf(projects, domain, 'scope')
    if (id === undefined) throw fault('Unauthorized', {})
    return { kind: 'domain', id }
  }
  if (!project) return { kind: 'unscoped' }
  if (project.id !== undefined) return { kind: 'project', id: project.id }
  if (project.name === undefined) throw fault('Expecting', { attribute: 'id or name', target: 'project' })
  const domainId = await domainIdOf(projects, project.domain, 'project')
  const row = domainId === undefined ? undefined : await projects.byName(project.name, domainId)
  if (!row) throw fault('Unauthorized', {})
  return { kind: 'project', id: row.id }
}

/** The user's default project if a token for it can be had. */
async function defaultScope({ users, subjects }: AuthenticateParts, userId: string): Promise<Scope> {
  const id = (await users.get(userId))?.default_project_id
  if (!id) return { kind: 'unscoped' }
  const scope: Scope = { kind: 'project', id }
  return (await subjects.find(userId, scope)) ? scope : { kind: 'unscoped' }
}
