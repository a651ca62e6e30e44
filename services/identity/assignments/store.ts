// Who has which role where: assignments as given, and the roles that follow from them.
import { fault } from '../faults.ts'
import type { Groups } from '../groups/store.ts'
import type { Parts } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { Roles } from '../roles/store.ts'
import type { ActorKind, AssignmentRow, IdentityTables, ProjectRow, TargetKind } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'

export interface Actor {
  kind: ActorKind
  id: string
}
export interface AssignmentTarget {
  kind: TargetKind
  id: string
  /** Holds in the projects below, not in the target itself. */
  inherited?: boolean
}
export interface RoleName {
  id: string
  name: string
}

export const SYSTEM: AssignmentTarget = { kind: 'system', id: 'all' }

export class Assignments {
  readonly #parts: Parts
  readonly #projects: Projects
  readonly #groups: Groups
  readonly #roles: Roles

  constructor(parts: Parts, rooms: { projects: Projects; groups: Groups; roles: Roles }) {
    this.#parts = parts
    this.#projects = rooms.projects
    this.#groups = rooms.groups
    this.#roles = rooms.roles
  }

  /** Gives the role; no error if it was given. */
  async grant(actor: Actor, target: AssignmentTarget, roleId: string): Promise<void> {
    const row: AssignmentRow = {
      actor_kind: actor.kind,
      actor_id: actor.id,
      target_kind: target.kind,
      target_id: target.id,
      role_id: roleId,
      inherited: target.inherited ? 1 : 0,
    }
    await this.#parts.store.transaction(async () => {
      const insert = this.#db().insertInto('identity_assignments').values(row)
      await insert.onConflict((conflict) => conflict.doNothing()).execute()
      await this.#parts.changes.note('subjects')
    })
  }

  async revoke(actor: Actor, target: AssignmentTarget, roleId: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      const gone = await this.#db()
        .deleteFrom('identity_assignments')
        .where('actor_kind', '=', actor.kind)
        .where('actor_id', '=', actor.id)
        .where('target_kind', '=', target.kind)
        .where('target_id', '=', target.id)
        .where('inherited', '=', target.inherited ? 1 : 0)
        .where('role_id', '=', roleId)
        .executeTakeFirst()
      if (gone.numDeletedRows === 0n) {
        throw fault('AssignmentNotFound', { role: roleId, actor: actor.id, target: target.id })
      }
      await this.#parts.changes.note('subjects')
    })
  }

  /** The ids of the roles given to exactly this actor on exactly this target. */
  async granted(actor: Actor, target: AssignmentTarget): Promise<string[]> {
    const rows = await this.ofActors([actor])
    const inherited = target.inherited ? 1 : 0
    return rows
      .filter((row) => row.target_kind === target.kind && row.target_id === target.id && row.inherited === inherited)
      .map((row) => row.role_id)
  }

  /** Assignments as given, in a fixed order. */
  all(): Promise<AssignmentRow[]> {
    return this.#select().execute()
  }

  ofActors(actors: readonly Actor[]): Promise<AssignmentRow[]> {
    return this.#select()
      .where((eb) =>
        eb.or(actors.map(({ kind, id }) => eb.and([eb('actor_kind', '=', kind), eb('actor_id', '=', id)]))),
      )
      .execute()
  }

  #select() {
    const query = this.#db().selectFrom('identity_assignments').selectAll()
    return query
      .orderBy('target_kind')
      .orderBy('target_id')
      .orderBy('actor_kind')
      .orderBy('actor_id')
      .orderBy('role_id')
  }

  async #ofUser(userId: string): Promise<AssignmentRow[]> {
    const groups = await this.#groups.groupIdsOf(userId)
    const actors: Actor[] = groups.map((id) => ({ kind: 'group', id }))
    return this.ofActors([{ kind: 'user', id: userId }, ...actors])
  }

  /** The roles that a user's token for this scope carries: own and by group, inherited and implied. Sorted by name. */
  async effectiveRoles(userId: string, scope: ProjectRow | 'system'): Promise<RoleName[]> {
    const rows = await this.#ofUser(userId)
    const above = scope === 'system' || scope.is_domain ? [] : await this.#above(scope)
    const ids = rows.filter((row) => reaches(row, scope, above)).map((row) => row.role_id)
    if (ids.length === 0) return []
    const roles = await this.#roles.expand(ids)
    // a role of one domain gives only what it implies
    const named = roles
      .filter(({ role }) => role.domain_id === NO_DOMAIN)
      .map(({ role: { id, name } }) => ({ id, name }))
    return named.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async #above(project: ProjectRow): Promise<string[]> {
    return [...(await this.#projects.ancestors(project)).map((parent) => parent.id), project.domain_id]
  }

  /** The ids of projects and domains on which the user has any role. */
  async scopesOf(userId: string): Promise<{ projects: string[]; domains: string[]; system: boolean }> {
    const rows = await this.#ofUser(userId)
    const direct = (kind: TargetKind): string[] =>
      rows.filter((row) => row.target_kind === kind && row.inherited === 0).map((row) => row.target_id)
    const projects = new Set(direct('project'))
    for (const row of rows) {
      if (row.inherited === 1) for (const below of await this.below(row)) projects.add(below.id)
    }
    return { projects: [...projects], domains: [...new Set(direct('domain'))], system: direct('system').length > 0 }
  }

  /** The projects in which an inherited assignment holds. */
  below(row: AssignmentRow): Promise<ProjectRow[]> {
    if (row.target_kind === 'domain') return this.#projects.rows.all({ domain_id: row.target_id })
    return this.#projects.descendants(row.target_id)
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}

function reaches(row: AssignmentRow, scope: ProjectRow | 'system', above: readonly string[]): boolean {
  if (scope === 'system') return row.target_kind === 'system'
  if (row.target_kind === 'system') return false
  if (row.inherited === 1) return above.includes(row.target_id)
  return row.target_id === scope.id && row.target_kind === (scope.is_domain ? 'domain' : 'project')
}
