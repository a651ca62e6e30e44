// Endpoints of the catalog: urls as templates, so that a cloud may change its address.
import { fault } from '../faults.ts'
import type { Json, Parts } from '../parts.ts'
import { extraOf, mergedJson, newId } from '../parts.ts'
import type { Regions } from '../regions/store.ts'
import type { Selection } from '../rows.ts'
import { Rows } from '../rows.ts'
import type { EndpointRow } from '../schema/tables.ts'
import type { Services } from '../services/store.ts'
import { isTemplate } from './catalog.ts'

export interface EndpointBody extends Json {
  interface?: 'public' | 'internal' | 'admin'
  region_id?: string | null
  /** The region's id under its older name; a region that is missing is made. */
  region?: string | null
  service_id?: string
  url?: string
  enabled?: boolean
}

const COLUMNS = ['id', 'interface', 'region_id', 'region', 'service_id', 'url', 'enabled', 'links']

export class Endpoints {
  readonly rows: Rows<EndpointRow>
  readonly #parts: Parts
  readonly #regions: Regions
  readonly #services: Services

  constructor(parts: Parts, regions: Regions, services: Services) {
    this.#parts = parts
    this.#regions = regions
    this.#services = services
    this.rows = new Rows(parts.store, 'identity_endpoints')
  }

  get(id: string): Promise<EndpointRow | undefined> {
    return this.rows.get(id)
  }

  list(selection: Selection): Promise<EndpointRow[]> {
    return this.rows.list(selection)
  }

  create(body: EndpointBody): Promise<EndpointRow> {
    return this.#writing(async () => {
      await this.#check(body)
      const row: EndpointRow = {
        id: newId(this.#parts),
        service_id: body.service_id!,
        interface: body.interface!,
        region_id: (await this.#regionOf(body)) ?? null,
        url: body.url!,
        enabled: body.enabled === false ? 0 : 1,
        extra: JSON.stringify(extraOf(body, COLUMNS)),
      }
      await this.rows.insert(row)
      return row
    })
  }

  update(row: EndpointRow, body: EndpointBody): Promise<EndpointRow> {
    return this.#writing(async () => {
      await this.#check(body)
      const region = await this.#regionOf(body)
      const changed: EndpointRow = {
        ...row,
        service_id: body.service_id ?? row.service_id,
        interface: body.interface ?? row.interface,
        region_id: region === undefined ? row.region_id : region,
        url: body.url ?? row.url,
        enabled: body.enabled === undefined ? row.enabled : body.enabled ? 1 : 0,
        extra: mergedJson(row.extra, extraOf(body, COLUMNS)),
      }
      await this.rows.update(row.id, changed)
      return changed
    })
  }

  async remove(id: string): Promise<void> {
    await this.#writing(() => this.rows.remove(id))
  }

  async #check({ service_id: id, url }: EndpointBody): Promise<void> {
    if (id !== undefined && !(await this.#services.get(id))) throw fault('ServiceNotFound', { id })
    if (url !== undefined && !isTemplate(url)) {
      throw fault('Invalid', { message: `The endpoint's url holds a substitution that does not exist: ${url}` })
    }
  }

  /** Undefined when the body names no region. */
  async #regionOf(body: EndpointBody): Promise<string | null | undefined> {
    const id = body.region_id === undefined ? body.region : body.region_id
    if (!id) return id === undefined ? undefined : null
    if (await this.#regions.get(id)) return id
    if (body.region_id) throw fault('RegionNotFound', { id })
    return (await this.#regions.create({ id })).id
  }

  #writing<T>(work: () => Promise<T>): Promise<T> {
    return this.#parts.store.transaction(async () => {
      const result = await work()
      await this.#parts.changes.note('catalog')
      return result
    })
  }
}
