// Services of the catalog.
import type { Json, Parts } from '../parts.ts'
import { extraOf, mergedJson, newId } from '../parts.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { IdentityTables, ServiceRow } from '../schema/tables.ts'

export interface ServiceBody extends Json {
  type?: string
  name?: string
  enabled?: boolean
}

const COLUMNS = ['id', 'type', 'name', 'enabled', 'links']

export class Services {
  readonly rows: Rows<ServiceRow>
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
    this.rows = new Rows(parts.store, 'identity_services')
  }

  get(id: string): Promise<ServiceRow | undefined> {
    return this.rows.get(id)
  }

  list(selection: Selection): Promise<ServiceRow[]> {
    return this.rows.list(selection)
  }

  async create(body: ServiceBody): Promise<ServiceRow> {
    const row: ServiceRow = {
      id: newId(this.#parts),
      type: body.type!,
      name: body.name ?? '',
      enabled: body.enabled === false ? 0 : 1,
      extra: JSON.stringify(extraOf(body, COLUMNS)),
    }
    await this.#writing(() => this.rows.insert(row))
    return row
  }

  async update(row: ServiceRow, body: ServiceBody): Promise<ServiceRow> {
    const changed: ServiceRow = {
      ...row,
      type: body.type ?? row.type,
      name: body.name ?? row.name,
      enabled: body.enabled === undefined ? row.enabled : body.enabled ? 1 : 0,
      extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
    }
    await this.#writing(() => this.rows.update(row.id, changed))
    return changed
  }

  /** Removes the service and its endpoints. */
  async remove(id: string): Promise<void> {
    await this.#writing(async () => {
      const db = this.#parts.store.as<IdentityTables>()
      await db.deleteFrom('identity_endpoints').where('service_id', '=', id).execute()
      await this.rows.remove(id)
    })
  }

  #writing(work: () => Promise<void>): Promise<void> {
    return this.#parts.store.transaction(async () => {
      await work()
      await this.#parts.changes.note('catalog')
    })
  }
}
