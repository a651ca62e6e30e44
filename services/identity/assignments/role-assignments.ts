// GET /v3/role_assignments: assignments as given, or (effective) as they reach users.
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { flagOf } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { AssignmentRow, ProjectRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'

/** One assignment as it shows, and the given one that it comes from. */
interface Shown {
  row: AssignmentRow
  given: AssignmentRow
  /** The group that the user has it by. */
  group?: string
  /** The role that implies this one. */
  prior?: string
}

export interface AssignmentQuery {
  userId: string | null
  groupId: string | null
  roleId: string | null
  projectId: string | null
  domainId: string | null
  system: boolean
  inherited: boolean
  effective: boolean
  subtree: boolean
  names: boolean
}

export function assignmentQuery(search: URLSearchParams): AssignmentQuery {
  const query: AssignmentQuery = {
    userId: search.get('user.id'),
    groupId: search.get('group.id'),
    roleId: search.get('role.id'),
    projectId: search.get('scope.project.id'),
    domainId: search.get('scope.domain.id'),
    system: search.has('scope.system'),
    inherited: search.get('scope.OS-INHERIT:inherited_to') === 'projects',
    effective: flagOf(search, 'effective'),
    subtree: flagOf(search, 'include_subtree'),
    names: flagOf(search, 'include_names'),
  }
  const wrong = whatIsWrong(query)
  if (wrong) throw fault('Invalid', { message: wrong })
  return query
}

function whatIsWrong(query: AssignmentQuery): string | undefined {
  const scopes = [query.projectId !== null, query.domainId !== null, query.system].filter(Boolean)
  if (scopes.length > 1) return 'Specify a domain or project or system, not more than one.'
  if (query.userId !== null && query.groupId !== null) return 'Specify a user or group, not both.'
  if (query.effective && query.groupId !== null) {
    return 'Combining effective and group filter will always result in an empty list.'
  }
  if (query.effective && query.inherited) {
    return 'Combining effective and inherited filter will always result in an empty list.'
  }
  if (query.subtree && query.projectId === null) {
    return 'scope.project.id must be specified if include_subtree is also specified.'
  }
  return undefined
}

export async function findAssignments(identity: Identity, query: AssignmentQuery): Promise<Shown[]> {
  const given = (await identity.assignments.all()).map((row) => ({ row, given: row }))
  const shown = query.effective ? await effective(identity, given, query) : given
  const projects = query.projectId === null ? [] : [query.projectId]
  if (query.subtree) projects.push(...(await identity.projects.descendants(query.projectId!)).map(({ id }) => id))
  return shown.filter(({ row }) => matches(row, query, projects))
}

function matches(row: AssignmentRow, query: AssignmentQuery, projects: readonly string[]): boolean {
  const is = (wanted: string | null, kind: string, id: string, is: string): boolean =>
    wanted === null || (kind === is && id === wanted)
  return (
    is(query.userId, row.actor_kind, row.actor_id, 'user') &&
    is(query.groupId, row.actor_kind, row.actor_id, 'group') &&
    is(query.domainId, row.target_kind, row.target_id, 'domain') &&
    (query.projectId === null || (row.target_kind === 'project' && projects.includes(row.target_id))) &&
    (!query.system || row.target_kind === 'system') &&
    (!query.inherited || row.inherited === 1) &&
    (query.roleId === null || row.role_id === query.roleId)
  )
}

/** Groups become their members, inherited assignments those of the projects below, roles all that they imply. */
async function effective(identity: Identity, given: readonly Shown[], { userId }: AssignmentQuery): Promise<Shown[]> {
  const shown: Shown[] = []
  const expansions = new Map<string, Awaited<ReturnType<Identity['roles']['expand']>>>()
  for (const one of given) {
    for (const held of await heldBy(identity, one, userId)) {
      const roleId = held.row.role_id
      const roles = expansions.get(roleId) ?? (await identity.roles.expand([roleId]))
      expansions.set(roleId, roles)
      for (const { role, prior } of roles.filter(({ role }) => role.domain_id === NO_DOMAIN)) {
        const implied = role.id === roleId ? {} : { prior }
        shown.push({ ...held, ...implied, row: { ...held.row, role_id: role.id } })
      }
    }
  }
  return shown
}

async function heldBy(identity: Identity, { row, given }: Shown, userId: string | null): Promise<Shown[]> {
  const group = row.actor_kind === 'group' ? row.actor_id : undefined
  const members = group === undefined ? [row.actor_id] : await identity.groups.memberIds(group)
  const users = userId === null ? members : members.filter((id) => id === userId)
  if (users.length === 0) return []
  const targets = row.inherited ? (await identity.assignments.below(row)).map(projectTarget) : [targetOf(row)]
  return users.flatMap((actor_id) =>
    targets.map((target) => ({
      row: { ...row, ...target, actor_kind: 'user' as const, actor_id, inherited: 0 as const },
      given,
      ...(group === undefined ? {} : { group }),
    })),
  )
}

const projectTarget = ({ id }: ProjectRow) => ({ target_kind: 'project' as const, target_id: id })
const targetOf = ({ target_kind, target_id }: AssignmentRow) => ({ target_kind, target_id })

/** Names of what the assignments speak of, read once per list. */
export interface Names {
  /** `{ id, name, domain }` of a project, domain, user, group or role; only the id where names are not asked for. */
  of(kind: 'project' | 'domain' | 'user' | 'group' | 'role', id: string): Json
}

export const idsOnly: Names = { of: (_, id) => ({ id }) }

export async function readNames(identity: Identity): Promise<Names> {
  const [projects, users, groups, roles] = await Promise.all([
    identity.projects.list({}),
    identity.users.list({}),
    identity.groups.list({}),
    identity.roles.list({}),
  ])
  const byId = <T extends { id: string }>(rows: T[]) => new Map(rows.map((row) => [row.id, row]))
  const tables = {
    project: byId(projects),
    domain: byId(projects),
    user: byId(users),
    group: byId(groups),
    role: byId(roles),
  }
  const domain = (id: string): Json => ({ id, name: tables.domain.get(id)?.name ?? '' })
  return {
    of(kind, id) {
      const row = tables[kind].get(id)
      const named = { id, name: row?.name ?? '' }
      if (!row || kind === 'domain') return named
      return row.domain_id === NO_DOMAIN ? named : { ...named, domain: domain(row.domain_id) }
    },
  }
}

export function assignmentView({ url }: Call<unknown, unknown>, shown: Shown, names: Names): Json {
  const { row, given, group, prior } = shown
  const base = `${url.service}/v3`
  const links = {
    assignment: base + assignmentPath(given),
    ...(group === undefined ? {} : { membership: `${base}/groups/${group}/users/${row.actor_id}` }),
    ...(prior === undefined ? {} : { prior_role: `${base}/prior_role/${prior}/implies/${row.role_id}` }),
  }
  return {
    links,
    role: names.of('role', row.role_id),
    scope: scopeView(row, names),
    [row.actor_kind]: names.of(row.actor_kind, row.actor_id),
  }
}

function scopeView({ target_kind: kind, target_id: id, inherited }: AssignmentRow, names: Names): Json {
  if (kind === 'system') return { system: { all: true } }
  return { [kind]: names.of(kind, id), ...(inherited ? { 'OS-INHERIT:inherited_to': 'projects' } : {}) }
}

function assignmentPath(row: AssignmentRow): string {
  const target = row.target_kind === 'system' ? 'system' : `${row.target_kind}s/${row.target_id}`
  const path = `${target}/${row.actor_kind}s/${row.actor_id}/roles/${row.role_id}`
  return row.inherited ? `/OS-INHERIT/${path}/inherited_to_projects` : `/${path}`
}

/** The domain that an assignment's target belongs to; null for the system. */
export function domainOfTarget(row: AssignmentRow, projects: ReadonlyMap<string, ProjectRow>): string | null {
  if (row.target_kind === 'system') return null
  return row.target_kind === 'domain' ? row.target_id : (projects.get(row.target_id)?.domain_id ?? null)
}
