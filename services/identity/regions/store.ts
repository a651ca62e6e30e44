// Regions of the catalog.
import { isDuplicate } from '@kilonova/store/store'
import { fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, mergedJson, newId } from '../parts.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { IdentityTables, RegionRow } from '../schema/tables.ts'

export interface RegionBody extends Json {
  id?: string
  description?: string | null
  parent_region_id?: string | null
}

const COLUMNS = ['id', 'description', 'parent_region_id', 'links']

export class Regions {
  readonly rows: Rows<RegionRow>
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
    this.rows = new Rows(parts.store, 'identity_regions')
  }

  get(id: string): Promise<RegionRow | undefined> {
    return this.rows.get(id)
  }

  list(selection: Selection): Promise<RegionRow[]> {
    return this.rows.list(selection)
  }

  async create(body: RegionBody): Promise<RegionRow> {
    const row: RegionRow = {
      id: body.id || newId(this.#parts),
      description: body.description ?? '',
      parent_region_id: await this.#parent(body.parent_region_id ?? null),
      extra: JSON.stringify(extraOf(body, COLUMNS)),
    }
    await this.#parts.store.transaction(async () => {
      try {
        await this.rows.insert(row)
      } catch (error) {
        if (!isDuplicate(error)) throw error
        throw fault('Conflict', { type: 'region', details: `Duplicate ID, ${row.id}.` }, error)
      }
      await this.#parts.changes.note('catalog')
    })
    return row
  }

  async update(row: RegionRow, body: RegionBody): Promise<RegionRow> {
    const parent =
      body.parent_region_id === undefined ? row.parent_region_id : await this.#parent(body.parent_region_id)
    await this.#refuseRing(row.id, parent)
    const changed: RegionRow = {
      ...row,
      description: body.description === undefined ? row.description : (body.description ?? ''),
      parent_region_id: parent,
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
    }
    await this.rows.update(row.id, changed)
    return changed
  }

  /** Removes a region and those below it, unless endpoints stand in one of them. */
  async remove(id: string): Promise<void> {
    await this.#parts.store.transaction(async () => {
      const ids = await this.#withBelow(id)
      const db = this.#parts.store.as<IdentityTables>()
      const used = await db
        .selectFrom('identity_endpoints')
        .select('id')
        .where('region_id', 'in', ids)
        .executeTakeFirst()
      if (used) {
        const message = `Unable to delete region ${id} because it or its child regions have associated endpoints.`
        throw fault('Forbidden', { message })
      }
      for (const below of ids.toReversed()) await this.rows.remove(below)
      await this.#parts.changes.note('catalog')
    })
  }

  async #withBelow(id: string): Promise<string[]> {
    const ids = [id]
    for (const at of ids) ids.push(...(await this.rows.all({ parent_region_id: at })).map((row) => row.id))
    return ids
  }

  async #parent(id: string | null): Promise<string | null> {
    if (id !== null && !(await this.get(id))) throw fault('RegionNotFound', { id })
    return id
  }

  async #refuseRing(id: string, parent: string | null): Promise<void> {
    for (let at = parent; at !== null; at = (await this.get(at))?.parent_region_id ?? null) {
      if (at === id) throw fault('Invalid', { message: `Region ${id} cannot stand below itself.` })
    }
  }
}
