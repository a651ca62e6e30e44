// Roles, and which role implies which.
import { isDuplicate } from '@kilonova/store/store'
import { duplicate, fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, isImmutable, mergedJson, newId, unlocks } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { IdentityTables, ImpliedRoleRow, RoleRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'

export interface RoleBody extends Json {
  name?: string
  domain_id?: string | null
  description?: string | null
  options?: Json
}

const COLUMNS = ['id', 'name', 'domain_id', 'description', 'options', 'links']
/** It may not be reached by way of another role. */
const NEVER_IMPLIED = 'admin'

export class Roles {
  readonly rows: Rows<RoleRow>
  readonly #parts: Parts
  readonly #projects: Projects

  constructor(parts: Parts, projects: Projects) {
    this.#parts = parts
    this.#projects = projects
    this.rows = new Rows(parts.store, 'identity_roles')
  }

  get(id: string): Promise<RoleRow | undefined> {
    return this.rows.get(id)
  }

  byName(name: string): Promise<RoleRow | undefined> {
    return this.rows.find({ name, domain_id: NO_DOMAIN })
  }

  list(selection: Selection = {}): Promise<RoleRow[]> {
    return this.rows.list(selection)
  }

  async create(body: RoleBody): Promise<RoleRow> {
    const domainId = body.domain_id ?? NO_DOMAIN
    if (domainId && !(await this.#projects.domain(domainId))) throw fault('DomainNotFound', { id: domainId })
    const row: RoleRow = {
      id: newId(this.#parts),
      name: body.name!,
      domain_id: domainId,
      description: body.description ?? null,
      extra: JSON.stringify(extraOf(body, COLUMNS)),
      options: mergedJson('{}', body.options ?? {}),
    }
    try {
      await this.rows.insert(row)
    } catch (error) {
      if (isDuplicate(error)) throw duplicate('role', row.name, domainId, error)
      throw error
    }
    return row
  }

  async update(row: RoleRow, body: RoleBody): Promise<RoleRow> {
    if (isImmutable(row) && !unlocks(body)) throw fault('Immutable', { type: 'role', id: row.id, verb: 'update' })
    if (body.domain_id !== undefined && (body.domain_id ?? NO_DOMAIN) !== row.domain_id) {
      throw fault('Invalid', { message: 'Cannot change Domain ID' })
    }
    const changed: RoleRow = {
      ...row,
      name: body.name ?? row.name,
      description: body.description === undefined ? row.description : body.description,
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
      options: mergedJson(row.options, body.options ?? {}),
    }
    await this.#parts.store.transaction(async () => {
      try {
        await this.rows.update(row.id, changed)
      } catch (error) {
        if (isDuplicate(error)) throw duplicate('role', changed.name, row.domain_id, error)
        throw error
      }
      await this.#parts.changes.note('subjects')
    })
    return changed
  }

  async remove(row: RoleRow): Promise<void> {
    if (isImmutable(row)) throw fault('Immutable', { type: 'role', id: row.id, verb: 'delete' })
    await this.#parts.store.transaction(async () => {
      await this.discard(row.id)
      await this.#parts.changes.note('subjects')
    })
  }

  /** Removes the row and what hangs on it. */
  async discard(id: string): Promise<void> {
    const db = this.#db()
    const implied = db.deleteFrom('identity_implied_roles')
    await implied.where((eb) => eb.or([eb('prior_role_id', '=', id), eb('implied_role_id', '=', id)])).execute()
    await db.deleteFrom('identity_assignments').where('role_id', '=', id).execute()
    await this.rows.remove(id)
  }

  implications(): Promise<ImpliedRoleRow[]> {
    const query = this.#db().selectFrom('identity_implied_roles').selectAll()
    return query.orderBy('prior_role_id').orderBy('implied_role_id').execute()
  }

  async imply(prior: RoleRow, implied: RoleRow): Promise<void> {
    if (implied.name === NEVER_IMPLIED && implied.domain_id === NO_DOMAIN) {
      throw fault('Forbidden', { message: `Role ${implied.id} cannot be an implied roles.` })
    }
    await this.#parts.store.transaction(async () => {
      const row = { prior_role_id: prior.id, implied_role_id: implied.id }
      const insert = this.#db().insertInto('identity_implied_roles').values(row)
      await insert.onConflict((conflict) => conflict.doNothing()).execute()
      await this.#parts.changes.note('subjects')
    })
  }

  async removeImplication(prior: string, implied: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      const query = this.#db().deleteFrom('identity_implied_roles').where('prior_role_id', '=', prior)
      const { numDeletedRows } = await query.where('implied_role_id', '=', implied).executeTakeFirst()
      if (numDeletedRows === 0n) throw fault('ImpliedRoleNotFound', { prior, implied })
      await this.#parts.changes.note('subjects')
    })
  }

  /** The roles of these ids and all that they imply, each with the role that brought it (itself if given). */
  async expand(ids: Iterable<string>): Promise<{ role: RoleRow; prior: string }[]> {
    const roles = new Map((await this.list()).map((role) => [role.id, role]))
    const implications = await this.implications()
    const expanded = new Map<string, { role: RoleRow; prior: string }>()
    const visit = (id: string, prior: string): void => {
      const role = roles.get(id)
      if (!role || expanded.has(id)) return
      expanded.set(id, { role, prior })
      for (const next of implications) if (next.prior_role_id === id) visit(next.implied_role_id, id)
    }
    for (const id of ids) visit(id, id)
    return [...expanded.values()]
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}
