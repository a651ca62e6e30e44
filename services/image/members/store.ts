// The only SQL on the projects that images are shared with.
import type { Store } from '@kilonova/store/store'
import type { ImageTables, MemberRow, MemberStatus } from '../schema/tables.ts'

export class MemberStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get #db() {
    return this.#store.as<ImageTables>()
  }

  get(imageId: string, member: string): Promise<MemberRow | undefined> {
    return this.#db
      .selectFrom('image_members')
      .selectAll()
      .where('image_id', '=', imageId)
      .where('member', '=', member)
      .executeTakeFirst()
  }

  list(imageId: string): Promise<MemberRow[]> {
    return this.#db
      .selectFrom('image_members')
      .selectAll()
      .where('image_id', '=', imageId)
      .orderBy('created_at')
      .orderBy('member')
      .execute()
  }

  async insert(row: MemberRow): Promise<void> {
    await this.#db.insertInto('image_members').values(row).execute()
  }

  async setStatus(row: MemberRow, status: MemberStatus, now: number): Promise<MemberRow> {
    const updated_at = Math.max(now, row.updated_at)
    await this.#db
      .updateTable('image_members')
      .set({ status, updated_at })
      .where('image_id', '=', row.image_id)
      .where('member', '=', row.member)
      .execute()
    return { ...row, status, updated_at }
  }

  /** False when there was no such member. */
  async delete(imageId: string, member: string): Promise<boolean> {
    const result = await this.#db
      .deleteFrom('image_members')
      .where('image_id', '=', imageId)
      .where('member', '=', member)
      .executeTakeFirst()
    return result.numDeletedRows === 1n
  }
}
