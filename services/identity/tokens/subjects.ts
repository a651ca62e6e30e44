// Who stands behind a token: the user, the scope and the roles as they are now, remembered until something changes.
import type { Assignments, RoleName } from '../assignments/store.ts'
import { Remembered } from '../changes.ts'
import type { Parts } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { ProjectRow, UserRow } from '../schema/tables.ts'
import type { Users } from '../users/store.ts'
import type { Scope } from './seal.ts'

export interface Subject {
  readonly user: UserRow
  readonly userDomain: ProjectRow
  /** The project or domain of the scope, and the domain that owns it (itself for a domain). */
  readonly scoped: { readonly target: ProjectRow; readonly domain: ProjectRow } | null
  /** Sorted by name; empty only for unscoped. */
  readonly roles: readonly RoleName[]
  /** Tokens of another generation are dead. The sum of numbers that only grow, so it tells when any of them did. */
  readonly generation: number
}

const REMEMBERED = 10_000

export class Subjects {
  readonly #projects: Projects
  readonly #users: Users
  readonly #assignments: Assignments
  readonly #remembered: Remembered<Subject | undefined>

  constructor(parts: Parts, rooms: { projects: Projects; users: Users; assignments: Assignments }) {
    this.#projects = rooms.projects
    this.#users = rooms.users
    this.#assignments = rooms.assignments
    this.#remembered = new Remembered(parts.changes, 'subjects', REMEMBERED)
  }

  /** Undefined if the user may not have a token for the scope: something is gone or disabled, or there is no role. */
  find(userId: string, scope: Scope): Promise<Subject | undefined> {
    const key = `${userId} ${scope.kind} ${'id' in scope ? scope.id : ''}`
    return this.#remembered.getOr(key, () => this.#load(userId, scope))
  }

  async #load(userId: string, scope: Scope): Promise<Subject | undefined> {
    const user = await this.#users.get(userId)
    const userDomain = user && (await this.#projects.domain(user.domain_id))
    if (!user?.enabled || !userDomain?.enabled) return undefined
    const scoped = 'id' in scope ? await this.#scoped(scope) : null
    if (scoped === undefined) return undefined
    const roles = await this.#roles(userId, scope, scoped?.target)
    if (scope.kind !== 'unscoped' && roles.length === 0) return undefined
    const rows = [user, userDomain, ...(scoped ? [scoped.target, scoped.domain] : [])]
    const generation = rows.reduce((sum, row) => sum + row.token_generation, 0)
    return { user, userDomain, scoped, roles, generation }
  }

  async #scoped(scope: { kind: 'project' | 'domain'; id: string }) {
    const target = await this.#projects.get(scope.id)
    if (!target?.enabled || (target.is_domain === 1) !== (scope.kind === 'domain')) return undefined
    const domain = target.is_domain ? target : await this.#projects.domain(target.domain_id)
    return domain?.enabled ? { target, domain } : undefined
  }

  async #roles(userId: string, scope: Scope, target: ProjectRow | undefined): Promise<RoleName[]> {
    if (scope.kind === 'unscoped') return []
    return this.#assignments.effectiveRoles(userId, target ?? 'system')
  }
}
