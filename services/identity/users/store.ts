// Users: rows, passwords, and when all their tokens end.
import { isDuplicate } from '@kilonova/store/store'
import { duplicate, fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, mergedJson, newId } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { IdentityTables, UserRow } from '../schema/tables.ts'
import type { Passwords } from './passwords.ts'

export interface UserBody extends Json {
  name?: string
  domain_id?: string
  enabled?: boolean
  password?: string | null
  default_project_id?: string | null
  options?: Json
}

const COLUMNS = [
  'id',
  'name',
  'domain_id',
  'enabled',
  'password',
  'default_project_id',
  'options',
  'links',
  'password_expires_at',
]

export class Users {
  readonly rows: Rows<UserRow>
  readonly #parts: Parts
  readonly #projects: Projects
  readonly #passwords: Passwords

  constructor(parts: Parts, projects: Projects, passwords: Passwords) {
    this.#parts = parts
    this.#projects = projects
    this.#passwords = passwords
    this.rows = new Rows(parts.store, 'identity_users')
  }

  get(id: string): Promise<UserRow | undefined> {
    return this.rows.get(id)
  }

  byName(name: string, domainId: string): Promise<UserRow | undefined> {
    return this.rows.find({ name, domain_id: domainId })
  }

  list(selection: Selection): Promise<UserRow[]> {
    return this.rows.list(selection)
  }

  async byIds(ids: readonly string[]): Promise<UserRow[]> {
    if (ids.length === 0) return []
    return this.#db().selectFrom('identity_users').selectAll().where('id', 'in', ids).orderBy('id').execute()
  }

  async create(body: UserBody, domainId: string): Promise<UserRow> {
    return this.add(await this.prepare(body, domainId))
  }

  /** The row of a new user; hashing its password takes a while. Throws DomainNotFound. */
  async prepare(body: UserBody, domainId: string): Promise<UserRow> {
    const owner = body.domain_id ?? domainId
    if (!(await this.#projects.domain(owner))) throw fault('DomainNotFound', { id: owner })
    return {
      id: newId(this.#parts),
      name: body.name!,
      domain_id: owner,
      enabled: body.enabled === false ? 0 : 1,
      default_project_id: body.default_project_id ?? null,
      password_hash: typeof body.password === 'string' ? await this.#passwords.hash(body.password) : null,
      extra: JSON.stringify(extraOf(body, COLUMNS)),
      options: mergedJson('{}', body.options ?? {}),
      token_generation: 0,
    }
  }

  /** Throws Conflict. */
  async add(row: UserRow): Promise<UserRow> {
    try {
      await this.rows.insert(row)
    } catch (error) {
      if (isDuplicate(error)) throw duplicate('user', row.name, row.domain_id, error)
      throw error
    }
    return row
  }

  async update(row: UserRow, body: UserBody): Promise<UserRow> {
    if (body.domain_id !== undefined && body.domain_id !== row.domain_id) {
      throw fault('Invalid', { message: 'Cannot change Domain ID' })
    }
    const cut = body.password !== undefined || (body.enabled === false && row.enabled === 1)
    const patch: Partial<UserRow> = {
      ...(body.name === undefined ? {} : { name: body.name }),
      ...(body.enabled === undefined ? {} : { enabled: body.enabled ? 1 : 0 }),
      ...(body.default_project_id === undefined ? {} : { default_project_id: body.default_project_id }),
      ...(body.password === undefined ? {} : { password_hash: await this.#hashOf(body.password) }),
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
      options: mergedJson(row.options, body.options ?? {}),
    }
    await this.#parts.store.transaction(async () => {
      try {
        await this.rows.update(row.id, patch)
      } catch (error) {
        if (isDuplicate(error)) throw duplicate('user', body.name!, row.domain_id, error)
        throw error
      }
      if (cut) await this.rows.increment(row.id, 'token_generation')
      await this.#parts.changes.note('subjects')
    })
    return { ...row, ...patch }
  }

  async #hashOf(password: string | null): Promise<string | null> {
    return password === null ? null : this.#passwords.hash(password)
  }

  /** Replaces a hash by one of the same password at today's cost; tokens live on. */
  async rehash(row: UserRow, password: string): Promise<void> {
    const hash = await this.#passwords.hash(password)
    const query = this.#db().updateTable('identity_users').set({ password_hash: hash })
    await query.where('id', '=', row.id).where('password_hash', '=', row.password_hash).execute()
  }

  async remove(id: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      await this.discard(id)
      await this.#parts.changes.note('subjects')
    })
  }

  /** Removes the row and what hangs on it. */
  async discard(id: string): Promise<void> {
    const db = this.#db()
    await db.deleteFrom('identity_memberships').where('user_id', '=', id).execute()
    const assignments = db.deleteFrom('identity_assignments').where('actor_kind', '=', 'user')
    await assignments.where('actor_id', '=', id).execute()
    await this.rows.remove(id)
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}
