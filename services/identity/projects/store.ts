// Projects and domains: one table, and the tags of projects.
import { isDuplicate } from '@kilonova/store/store'
import { duplicate, fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, isImmutable, mergedJson, newId, unlocks } from '../parts.ts'
import type { Condition, Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { IdentityTables, ProjectRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'

export interface ProjectBody extends Json {
  name?: string
  domain_id?: string | null
  parent_id?: string | null
  is_domain?: boolean
  enabled?: boolean
  description?: string | null
  tags?: string[]
  options?: Json
}

const COLUMNS = [
  'id',
  'name',
  'domain_id',
  'parent_id',
  'is_domain',
  'enabled',
  'description',
  'tags',
  'options',
  'links',
  'explicit_domain_id',
]
const DEEPEST = 5

export class Projects {
  readonly rows: Rows<ProjectRow>
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
    this.rows = new Rows(parts.store, 'identity_projects')
  }

  get(id: string): Promise<ProjectRow | undefined> {
    return this.rows.get(id)
  }

  byName(name: string, domainId: string): Promise<ProjectRow | undefined> {
    return this.rows.find({ name, domain_id: domainId })
  }

  domain(id: string): Promise<ProjectRow | undefined> {
    return this.rows.find({ id, is_domain: 1 })
  }

  domainByName(name: string): Promise<ProjectRow | undefined> {
    return this.rows.find({ name, domain_id: NO_DOMAIN })
  }

  list(selection: Selection): Promise<ProjectRow[]> {
    return this.rows.list(selection)
  }

  async byIds(ids: readonly string[], where: readonly Condition[] = []): Promise<ProjectRow[]> {
    if (ids.length === 0) return []
    let query = this.#db().selectFrom('identity_projects').selectAll().where('id', 'in', ids).orderBy('id')
    for (const condition of where) query = query.where(condition)
    return query.execute()
  }

  /** The projects above, nearest first, up to the domain (which is not among them). */
  async ancestors(project: ProjectRow): Promise<ProjectRow[]> {
    const above: ProjectRow[] = []
    for (let at = project; at.parent_id !== null && at.parent_id !== at.domain_id && above.length <= DEEPEST; ) {
      const parent = await this.get(at.parent_id)
      if (!parent) break
      above.push(parent)
      at = parent
    }
    return above
  }

  /** All projects below, each after its parent. */
  async descendants(id: string): Promise<ProjectRow[]> {
    const below: ProjectRow[] = []
    let parents = [id]
    while (parents.length > 0) {
      const query = this.#db().selectFrom('identity_projects').selectAll().where('parent_id', 'in', parents)
      const children = await query.orderBy('id').execute()
      below.push(...children)
      parents = children.map((child) => child.id)
    }
    return below
  }

  /**
   * Makes a project, or a domain (with the given id, if any) when the body says so.
   * `domainId` is used when the body names neither domain nor parent.
   */
  async create(body: ProjectBody, domainId: string, id?: string): Promise<ProjectRow> {
    const row = body.is_domain ? this.#newDomain(body, id) : await this.#newProject(body, domainId)
    await this.#parts.store.transaction(async () => {
      try {
        await this.rows.insert(row)
      } catch (error) {
        if (isDuplicate(error)) throw this.#duplicate(row, error)
        throw error
      }
      await this.setTags(row.id, body.tags ?? [])
    })
    return row
  }

  #duplicate(row: ProjectRow, cause: unknown) {
    return row.is_domain
      ? duplicate('domain', row.name, undefined, cause)
      : duplicate('project', row.name, row.domain_id, cause)
  }

  #newDomain(body: ProjectBody, id = newId(this.#parts)): ProjectRow {
    if (body.parent_id) throw fault('Invalid', { message: 'Domains cannot have a parent.' })
    return { ...this.#newRow(body), id, domain_id: NO_DOMAIN, parent_id: null, is_domain: 1 }
  }

  async #newProject(body: ProjectBody, domainId: string): Promise<ProjectRow> {
    const parent = body.parent_id ? await this.get(body.parent_id) : undefined
    if (body.parent_id && !parent) throw fault('ProjectNotFound', { id: body.parent_id })
    const parentsDomain = parent && (parent.is_domain ? parent.id : parent.domain_id)
    const owner = body.domain_id ?? parentsDomain ?? domainId
    const domain = await this.domain(owner)
    if (!domain) throw fault('DomainNotFound', { id: owner })
    if (parentsDomain && parentsDomain !== owner) {
      throw fault('Invalid', { message: 'The domain of a project must be the domain of its parent.' })
    }
    const depth = parent && !parent.is_domain ? (await this.ancestors(parent)).length + 2 : 1
    if (depth > DEEPEST) {
      throw fault('Forbidden', { message: `Max hierarchy depth reached for ${body.parent_id} branch.` })
    }
    return {
      ...this.#newRow(body),
      id: newId(this.#parts),
      domain_id: owner,
      parent_id: parent?.id ?? owner,
      is_domain: 0,
    }
  }

  #newRow(body: ProjectBody) {
    return {
      name: body.name!,
      enabled: body.enabled === false ? (0 as const) : (1 as const),
      description: body.description ?? '',
      extra: JSON.stringify(extraOf(body, COLUMNS)),
      options: mergedJson('{}', body.options ?? {}),
      token_generation: 0,
    }
  }

  async update(row: ProjectRow, body: ProjectBody): Promise<ProjectRow> {
    const type = row.is_domain ? 'domain' : 'project'
    if (isImmutable(row) && !unlocks(body)) throw fault('Immutable', { type, id: row.id, verb: 'update' })
    this.#refuseMoves(row, body)
    if (!row.is_domain) await this.#refuseHalfDisabled(row, body)
    const disabled = body.enabled === false && row.enabled === 1
    const changes = {
      name: body.name ?? row.name,
      enabled: body.enabled === undefined ? row.enabled : body.enabled ? (1 as const) : (0 as const),
      description: body.description === undefined ? row.description : (body.description ?? ''),
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
      options: mergedJson(row.options, body.options ?? {}),
    }
    const changed = { ...row, ...changes }
    await this.#parts.store.transaction(async () => {
      try {
        await this.rows.update(row.id, changes)
      } catch (error) {
        if (isDuplicate(error)) throw this.#duplicate(changed, error)
        throw error
      }
      if (disabled) await this.rows.increment(row.id, 'token_generation')
      if (body.tags) await this.setTags(row.id, body.tags)
      await this.#parts.changes.note('subjects')
    })
    return changed
  }

  /** A disabled project has no enabled ones below it. */
  async #refuseHalfDisabled(row: ProjectRow, { enabled }: ProjectBody): Promise<void> {
    const enabledRow = (other: ProjectRow): boolean => other.enabled === 1
    if (enabled === false && row.enabled === 1 && (await this.descendants(row.id)).some(enabledRow)) {
      const message = `cannot disable project ${row.id} since its subtree contains enabled projects.`
      throw fault('Forbidden', { message })
    }
    if (enabled === true && row.enabled === 0 && !(await this.ancestors(row)).every(enabledRow)) {
      throw fault('Forbidden', { message: `cannot enable project ${row.id} since it has disabled parents.` })
    }
  }

  #refuseMoves(row: ProjectRow, body: ProjectBody): void {
    const domainId = row.is_domain ? null : row.domain_id
    if (body.domain_id !== undefined && body.domain_id !== domainId) {
      throw fault('Invalid', { message: 'Cannot change Domain ID' })
    }
    if (body.parent_id !== undefined && body.parent_id !== row.parent_id) {
      throw fault('Forbidden', { message: 'Update of `parent_id` is not allowed.' })
    }
    if (body.is_domain !== undefined && body.is_domain !== (row.is_domain === 1)) {
      throw fault('Invalid', { message: 'Update of `is_domain` is not allowed.' })
    }
  }

  /** Removes a project that has none below it, with its tags and role assignments. */
  async remove(row: ProjectRow): Promise<void> {
    if (isImmutable(row)) throw fault('Immutable', { type: 'project', id: row.id, verb: 'delete' })
    await this.#parts.store.transaction(async () => {
      if (await this.rows.find({ parent_id: row.id })) {
        const message = `Cannot delete the project ${row.id} since it is not a leaf in the hierarchy. Delete the projects below it first.`
        throw fault('Forbidden', { message })
      }
      await this.discard(row.id)
      await this.#parts.changes.note('subjects')
    })
  }

  /** Removes a project or domain row and what hangs on it, unasked. */
  async discard(id: string): Promise<void> {
    const db = this.#db()
    await db.deleteFrom('identity_project_tags').where('project_id', '=', id).execute()
    const targets = db.deleteFrom('identity_assignments').where('target_kind', 'in', ['project', 'domain'])
    await targets.where('target_id', '=', id).execute()
    await db
      .updateTable('identity_users')
      .set({ default_project_id: null })
      .where('default_project_id', '=', id)
      .execute()
    await this.rows.remove(id)
  }

  async tags(ids: readonly string[]): Promise<Map<string, string[]>> {
    const tags = new Map<string, string[]>(ids.map((id) => [id, []]))
    if (ids.length === 0) return tags
    const query = this.#db()
      .selectFrom('identity_project_tags')
      .selectAll()
      .where('project_id', 'in', ids)
      .orderBy('tag')
    for (const { project_id, tag } of await query.execute()) tags.get(project_id)!.push(tag)
    return tags
  }

  async setTags(id: string, tags: readonly string[]): Promise<void> {
    await this.#parts.store.transaction(async () => {
      await this.#db().deleteFrom('identity_project_tags').where('project_id', '=', id).execute()
      const rows = [...new Set(tags)].map((tag) => ({ project_id: id, tag }))
      if (rows.length > 0) await this.#db().insertInto('identity_project_tags').values(rows).execute()
    })
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}
