// Groups of users.
import { isDuplicate } from '@kilonova/store/store'
import { duplicate, fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, mergedJson, newId } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { GroupRow, IdentityTables } from '../schema/tables.ts'

export interface GroupBody extends Json {
  name?: string
  domain_id?: string
  description?: string | null
}

const COLUMNS = ['id', 'name', 'domain_id', 'description', 'links']

export class Groups {
  readonly rows: Rows<GroupRow>
  readonly #parts: Parts
  readonly #projects: Projects

  constructor(parts: Parts, projects: Projects) {
    this.#parts = parts
    this.#projects = projects
    this.rows = new Rows(parts.store, 'identity_groups')
  }

  get(id: string): Promise<GroupRow | undefined> {
    return this.rows.get(id)
  }

  list(selection: Selection): Promise<GroupRow[]> {
    return this.rows.list(selection)
  }

  async create(body: GroupBody, domainId: string): Promise<GroupRow> {
    const owner = body.domain_id ?? domainId
    if (!(await this.#projects.domain(owner))) throw fault('DomainNotFound', { id: owner })
    const row: GroupRow = {
      id: newId(this.#parts),
      name: body.name!,
      domain_id: owner,
      description: body.description ?? '',
      extra: JSON.stringify(extraOf(body, COLUMNS)),
    }
    try {
      await this.rows.insert(row)
    } catch (error) {
      if (isDuplicate(error)) throw duplicate('group', row.name, owner, error)
      throw error
    }
    return row
  }

  async update(row: GroupRow, body: GroupBody): Promise<GroupRow> {
    if (body.domain_id !== undefined && body.domain_id !== row.domain_id) {
      throw fault('Invalid', { message: 'Cannot change Domain ID' })
    }
    const changed: GroupRow = {
      ...row,
      name: body.name ?? row.name,
      description: body.description === undefined ? row.description : (body.description ?? ''),
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
    }
    try {
      await this.rows.update(row.id, changed)
    } catch (error) {
      if (isDuplicate(error)) throw duplicate('group', changed.name, row.domain_id, error)
      throw error
    }
    return changed
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
    await db.deleteFrom('identity_memberships').where('group_id', '=', id).execute()
    const assignments = db.deleteFrom('identity_assignments').where('actor_kind', '=', 'group')
    await assignments.where('actor_id', '=', id).execute()
    await this.rows.remove(id)
  }

  async groupIdsOf(userId: string): Promise<string[]> {
    const query = this.#db().selectFrom('identity_memberships').select('group_id').where('user_id', '=', userId)
    return (await query.orderBy('group_id').execute()).map((row) => row.group_id)
  }

  async memberIds(groupId: string): Promise<string[]> {
    const query = this.#db().selectFrom('identity_memberships').select('user_id').where('group_id', '=', groupId)
    return (await query.orderBy('user_id').execute()).map((row) => row.user_id)
  }

  async isMember(groupId: string, userId: string): Promise<boolean> {
    return (await this.groupIdsOf(userId)).includes(groupId)
  }

  /** Makes the user a member; no error if it is one. */
  async addMember(groupId: string, userId: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      const row = { group_id: groupId, user_id: userId }
      const insert = this.#db().insertInto('identity_memberships').values(row)
      await insert.onConflict((conflict) => conflict.doNothing()).execute()
      await this.#parts.changes.note('subjects')
    })
  }

  async removeMember(groupId: string, userId: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      if (!(await this.isMember(groupId, userId))) throw fault('MembershipNotFound', { userId, groupId })
      const query = this.#db().deleteFrom('identity_memberships').where('group_id', '=', groupId)
      await query.where('user_id', '=', userId).execute()
      await this.#parts.changes.note('subjects')
    })
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}
