// Identity's parts, wired: what its routes, bootstrap and doors work with.
import type { Clock } from '@kilonova/base/clock'
import { systemClock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import { systemRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import { Assignments } from './assignments/store.ts'
import { Changes } from './changes.ts'
import { Catalog } from './endpoints/catalog.ts'
import { Endpoints } from './endpoints/store.ts'
import { Groups } from './groups/store.ts'
import type { IdentityOptions } from './options.ts'
import type { Parts } from './parts.ts'
import { Projects } from './projects/store.ts'
import { Regions } from './regions/store.ts'
import { Roles } from './roles/store.ts'
import { Services } from './services/store.ts'
import { TokenKeys } from './tokens/keys.ts'
import { LoginLimits } from './tokens/login-limits.ts'
import { Revocations } from './tokens/revocations.ts'
import { Subjects } from './tokens/subjects.ts'
import { Tokens } from './tokens/tokens.ts'
import { Passwords } from './users/passwords.ts'
import { Users } from './users/store.ts'

export interface Identity extends Parts {
  readonly options: IdentityOptions
  readonly projects: Projects
  readonly groups: Groups
  readonly users: Users
  readonly passwords: Passwords
  readonly roles: Roles
  readonly assignments: Assignments
  readonly regions: Regions
  readonly services: Services
  readonly endpoints: Endpoints
  readonly catalog: Catalog
  readonly keys: TokenKeys
  readonly subjects: Subjects
  readonly tokens: Tokens
  readonly limits: LoginLimits
}

export interface IdentityNeeds {
  store: Store
  options: IdentityOptions
  clock?: Clock
  random?: Random
}

/** Identity over a store whose schema is in place. */
export function createIdentity({
  store,
  options,
  clock = systemClock,
  random = systemRandom,
}: IdentityNeeds): Identity {
  const parts: Parts = { store, clock, random, changes: new Changes(store, clock) }
  const passwords = new Passwords({ random, cost: options.password_hash_cost })
  const projects = new Projects(parts)
  const users = new Users(parts, projects, passwords)
  const groups = new Groups(parts, projects)
  const roles = new Roles(parts, projects)
  const assignments = new Assignments(parts, { projects, groups, roles })
  return {
    ...parts,
    options,
    passwords,
    projects,
    users,
    groups,
    roles,
    assignments,
    ...catalogParts(parts),
    ...tokenParts(parts, options, { projects, users, assignments }),
    limits: new LoginLimits(clock),
  }
}

function catalogParts(parts: Parts) {
  const regions = new Regions(parts)
  const services = new Services(parts)
  const endpoints = new Endpoints(parts, regions, services)
  const catalog = new Catalog(parts.changes, async () => ({
    services: await services.list({}),
    endpoints: await endpoints.list({}),
  }))
  return { regions, services, endpoints, catalog }
}

function tokenParts(parts: Parts, options: IdentityOptions, rooms: ConstructorParameters<typeof Subjects>[1]) {
  const lifeMs = options.token_expiration * 1000
  const keys = new TokenKeys(parts, {
    rotateAfterMs: options.token_key_rotation_interval * 1000,
    tokenLifeMs: lifeMs,
  })
  const subjects = new Subjects(parts, rooms)
  const revocations = new Revocations(parts)
  return { keys, subjects, tokens: new Tokens(parts, { keys, revocations, subjects, lifeMs }) }
}
