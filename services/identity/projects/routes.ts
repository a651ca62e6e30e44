// /v3/projects
import type { Call } from '@kilonova/api/route'
import type { SqlBool } from 'kysely'
import { sql } from 'kysely'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import { flagOf, listed, selectionOf } from '../listing.ts'
import type { Json } from '../parts.ts'
import type { ProjectRow } from '../schema/tables.ts'
import { projectConditions } from './filters.ts'
import { CreateProject, UpdateProject } from './schema.ts'
import { parentIds, projectView, subtreeIds } from './view.ts'

type AnyCall = Call<unknown, unknown>

/** The domain that owns the row; a domain owns itself. */
export function owningDomain(row: ProjectRow | undefined): string | null {
  if (!row) return null
  return row.is_domain ? row.id : row.domain_id
}

/** The project of the path, if the rule lets the caller touch it; who may not is not told whether it exists. */
export async function projectOf({ projects }: Identity, call: AnyCall, rule: string): Promise<ProjectRow> {
  const id = call.params['id']!
  const row = await projects.get(id)
  call.require(rule, { projectId: id, domainId: owningDomain(row) })
  if (!row) throw fault('ProjectNotFound', { id })
  return row
}

/** The domain for a body that names none. */
export function homeDomain({ context }: AnyCall): string {
  return context.domainId ?? context.projectDomainId ?? 'default'
}

/** Views of projects with their tags. */
export async function projectViews({ projects }: Identity, call: AnyCall, rows: readonly ProjectRow[]) {
  const tags = await projects.tags(rows.map((row) => row.id))
  return (row: ProjectRow): Json => projectView(call, row, tags.get(row.id)!)
}

async function shown(identity: Identity, call: AnyCall, row: ProjectRow): Promise<{ project: Json }> {
  const view = await projectViews(identity, call, [row])
  return { project: view(row) }
}

/** Parents and subtree as the query asks for them. */
async function hierarchy(identity: Identity, call: AnyCall, row: ProjectRow): Promise<Json> {
  const { projects, assignments } = identity
  const asked = (name: string): boolean => flagOf(call.search, name)
  const above = asked('parents_as_list') || asked('parents_as_ids') ? await projects.ancestors(row) : []
  const below = asked('subtree_as_list') || asked('subtree_as_ids') ? await projects.descendants(row.id) : []
  const own = new Set((await assignments.scopesOf(call.context.userId ?? '')).projects)
  const view = await projectViews(identity, call, [...above, ...below])
  const list = (rows: readonly ProjectRow[]) =>
    rows.filter(({ id }) => own.has(id)).map((at) => ({ project: view(at) }))
  const aboveIds = row.is_domain ? [] : [...above.map(({ id }) => id), row.domain_id]
  return {
    ...(asked('parents_as_list') ? { parents: list(above) } : {}),
    ...(asked('parents_as_ids') ? { parents: parentIds(aboveIds) } : {}),
    ...(asked('subtree_as_list') ? { subtree: list(below) } : {}),
    ...(asked('subtree_as_ids') ? { subtree: subtreeIds(row.id, below) } : {}),
  }
}

export const projectRoutes = [
  route({
    method: 'GET',
    path: '/v3/projects',
    policy: 'identity:list_projects',
    success: 200,
    async handler(identity, call) {
      const where = projectConditions(call.search)
      if (!call.allows('identity:list_projects', { domainId: null })) {
        where.push(sql<SqlBool>`domain_id = ${call.context.domainId}`)
      }
      const rows = await identity.projects.list(selectionOf(call.search, where))
      return listed(call, 'projects', rows, await projectViews(identity, call, rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v3/projects',
    once: true,
    policy: 'identity:create_project',
    body: CreateProject,
    success: 201,
    async handler(identity, call) {
      const body = call.body.project
      const parent = body.parent_id ? await identity.projects.get(body.parent_id) : undefined
      const domainId = body.domain_id ?? owningDomain(parent) ?? homeDomain(call)
      if (body.is_domain) call.require('identity:create_domain')
      else call.require('identity:create_project', { domainId })
      return shown(identity, call, await identity.projects.create(body, domainId))
    },
  }),
  route({
    method: 'GET',
    path: '/v3/projects/:id',
    policy: 'identity:get_project',
    success: 200,
    async handler(identity, call) {
      const row = await projectOf(identity, call, 'identity:get_project')
      const { project } = await shown(identity, call, row)
      return { project: { ...project, ...(await hierarchy(identity, call, row)) } }
    },
  }),
  route({
    method: 'PATCH',
    path: '/v3/projects/:id',
    policy: 'identity:update_project',
    body: UpdateProject,
    success: 200,
    async handler(identity, call) {
      const row = await projectOf(identity, call, 'identity:update_project')
      if (row.is_domain) call.require('identity:update_domain')
      return shown(identity, call, await identity.projects.update(row, call.body.project))
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/projects/:id',
    policy: 'identity:delete_project',
    success: 204,
    async handler(identity, call) {
      const row = await projectOf(identity, call, 'identity:delete_project')
      if (row.is_domain) {
        throw fault('Forbidden', { message: `${row.id} is a domain; delete it by DELETE /v3/domains/${row.id}.` })
      }
      await identity.projects.remove(row)
    },
  }),
]
