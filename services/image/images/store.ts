// The only SQL on images, their properties and tags. States change by compare-and-set, each in one place.
import { isUuid } from '@kilonova/base/ids'
import type { Store } from '@kilonova/store/store'
import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { ImageRow, ImageStatus, ImageTables } from '../schema/tables.ts'
import type { Image } from './image.ts'
import { type ImageQuery, selectImages } from './list-query.ts'

/** What a change of an image writes; properties with undefined are removed. */
export interface ImageChange {
  columns: Partial<ImageRow>
  properties: Readonly<Record<string, string | null | undefined>>
  tags?: readonly string[]
}

/** What an upload found out about the data. */
export type UploadedData = Pick<ImageRow, 'size' | 'virtual_size' | 'checksum' | 'os_hash_value'>

const NO_UPLOAD = { upload: null, upload_seen_at: null } as const

export class ImageStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  get #db() {
    return this.#store.as<ImageTables>()
  }

  /** Runs `work` as one transaction, one after the other for the same image. */
  exclusively<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#store.transaction(async () => {
      if (this.#store.kind === 'postgres' && isUuid(id)) {
        await this.#db.selectFrom('images').select('id').where('id', '=', id).forUpdate().execute()
      }
      return work()
    })
  }

  async get(id: string): Promise<Image | undefined> {
    const row = await this.#db
      .selectFrom('images')
      .selectAll()
      .where('id', '=', id)
      .where('status', '!=', 'pending_delete')
      .executeTakeFirst()
    return row && (await this.#complete([row]))[0]
  }

  async list(query: ImageQuery): Promise<Image[]> {
    return this.#complete(await selectImages(this.#db, query).execute())
  }

  async #complete(rows: ImageRow[]): Promise<Image[]> {
    if (rows.length === 0) return []
    const ids = rows.map((row) => row.id)
    const properties = await this.#db.selectFrom('image_properties').selectAll().where('image_id', 'in', ids).execute()
    const tags = await this.#db.selectFrom('image_tags').selectAll().where('image_id', 'in', ids).execute()
    const propertiesOf = Map.groupBy(properties, (property) => property.image_id)
    const tagsOf = Map.groupBy(tags, (tag) => tag.image_id)
    return rows.map((row) => ({
      ...row,
      properties: Object.fromEntries((propertiesOf.get(row.id) ?? []).map(({ name, value }) => [name, value])),
      tags: (tagsOf.get(row.id) ?? []).map(({ value }) => value).toSorted(),
    }))
  }

  /** Fails with a duplicate when the id is in use. */
  insert(image: Image): Promise<void> {
    const { properties, tags, ...row } = image
    return this.#store.transaction(async () => {
      await this.#db.insertInto('images').values(row).execute()
      await this.#write(image.id, { columns: {}, properties, tags })
    })
  }

  /** Writes the change if the image is there; joins the running transaction. */
  async change(id: string, change: ImageChange, now: number): Promise<void> {
    await this.#store.transaction(async () => {
      await this.#db
        .updateTable('images')
        .set((eb) => ({ ...change.columns, updated_at: later(eb.ref('updated_at'), now) }))
        .where('id', '=', id)
        .execute()
      await this.#write(id, change)
    })
  }

  async #write(id: string, { properties, tags }: ImageChange): Promise<void> {
    const names = Object.keys(properties)
    if (names.length > 0) {
      await this.#db.deleteFrom('image_properties').where('image_id', '=', id).where('name', 'in', names).execute()
    }
    const kept = names.flatMap((name) => {
      const value = properties[name]
      return value === undefined ? [] : [{ image_id: id, name, value }]
    })
    if (kept.length > 0) await this.#db.insertInto('image_properties').values(kept).execute()
    if (!tags) return
    await this.#db.deleteFrom('image_tags').where('image_id', '=', id).execute()
    const values = [...new Set(tags)].map((value) => ({ image_id: id, value }))
    if (values.length > 0) await this.#db.insertInto('image_tags').values(values).execute()
  }

  /** queued → saving, for the one upload that gets it. */
  async beginUpload(id: string, upload: string, now: number): Promise<boolean> {
    return this.#move(id, ['queued'], { status: 'saving', upload }, now)
  }

  /** Tells that the upload lives. False when the image is no longer its own. */
  async keepUpload(id: string, upload: string): Promise<boolean> {
    const result = await this.#db
      .updateTable('images')
      .set({ upload_seen_at: this.#databaseNow() })
      .where('id', '=', id)
      .where('upload', '=', upload)
      .where('status', '=', 'saving')
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }

  /** saving → active. False when the image was deleted, or taken from the upload. */
  async finishUpload(id: string, upload: string, data: UploadedData & { now: number }): Promise<boolean> {
    const { now, ...columns } = data
    const result = await this.#db
      .updateTable('images')
      .set((eb) => ({
        ...columns,
        ...NO_UPLOAD,
        status: 'active',
        file: upload,
        os_hash_algo: 'sha512',
        updated_at: later(eb.ref('updated_at'), now),
      }))
      .where('id', '=', id)
      .where('upload', '=', upload)
      .where('status', '=', 'saving')
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }

  /** saving → queued. False when the image is not (or no longer) this upload's. */
  async abandonUpload(id: string, upload: string, now: number): Promise<boolean> {
    const result = await this.#db
      .updateTable('images')
      .set((eb) => ({ ...NO_UPLOAD, status: 'queued', updated_at: later(eb.ref('updated_at'), now) }))
      .where('id', '=', id)
      .where('upload', '=', upload)
      .where('status', '=', 'saving')
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }

  /** active ↔ deactivated. False when the image is in another state. */
  setStatus(id: string, from: ImageStatus[], to: ImageStatus, now: number): Promise<boolean> {
    return this.#move(id, from, { status: to }, now)
  }

  /** Any state → pending_delete, unless protected: the row with its files. Undefined when somebody else was first. */
  beginDelete(id: string, now: number): Promise<ImageRow | undefined> {
    return this.#db
      .updateTable('images')
      .set((eb) => ({ status: 'pending_delete', updated_at: later(eb.ref('updated_at'), now) }))
      .where('id', '=', id)
      .where('status', '!=', 'pending_delete')
      .where('protected', '=', 0)
      .returningAll()
      .executeTakeFirst()
  }

  /** Removes the row whose files are gone; properties, tags and members go with it. */
  async finishDelete(id: string): Promise<void> {
    await this.#db.deleteFrom('images').where('id', '=', id).where('status', '=', 'pending_delete').execute()
  }

  /** The images whose upload or deletion may have been interrupted: `silent` is how long an upload has not been seen. */
  async unfinished(): Promise<(ImageRow & { silent: number | null })[]> {
    return this.#db
      .selectFrom('images')
      .selectAll()
      .select((eb) => sql<number | null>`${this.#databaseNow()} - ${eb.ref('upload_seen_at')}`.as('silent'))
      .where('status', 'in', ['saving', 'pending_delete'])
      .execute()
  }

  /** The uploads and files that rows name, of all states. */
  async namedFiles(): Promise<Set<string>> {
    const rows = await this.#db.selectFrom('images').select(['file', 'upload']).execute()
    return new Set(rows.flatMap(({ file, upload }) => [file, upload]).filter((name) => name !== null))
  }

  async #move(id: string, from: ImageStatus[], to: { status: ImageStatus; upload?: string }, now: number) {
    const seen = to.upload === undefined ? {} : { upload_seen_at: this.#databaseNow() }
    const result = await this.#db
      .updateTable('images')
      .set((eb) => ({ ...to, ...seen, updated_at: later(eb.ref('updated_at'), now) }))
      .where('id', '=', id)
      .where('status', 'in', from)
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  }

  /** Leases are measured by the one clock that all processes share. */
  #databaseNow(): RawBuilder<number> {
    return this.#store.kind === 'sqlite'
      ? sql<number>`cast(unixepoch('subsec') * 1000 as integer)`
      : sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`
  }
}

/** A time that never goes back, whatever the wall clock does. */
function later(before: unknown, now: number): RawBuilder<number> {
  return sql<number>`case when ${before} > ${now} then ${before} else ${now} end`
}
