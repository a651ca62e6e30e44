// How other services and the hosts use images. Only types of this service: whoever runs it makes the client.
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'

/** An image; times are milliseconds since 1970, sizes bytes, min_disk GB, min_ram MB. */
export interface ImageInfo {
  readonly id: string
  readonly name: string | null
  readonly status: 'queued' | 'saving' | 'active' | 'deactivated'
  readonly visibility: 'public' | 'private' | 'shared' | 'community'
  readonly owner: string | null
  /** Null until the image has data. */
  readonly size: number | null
  /** Bytes of the disk that a guest sees. */
  readonly virtual_size: number | null
  /** md5 of the data. */
  readonly checksum: string | null
  readonly os_hash_algo: string | null
  /** sha512 of the data. */
  readonly os_hash_value: string | null
  readonly disk_format: string | null
  /** Only of `bare`, `ami`, `aki` and `ari` the content was inspected: start servers from no other. */
  readonly container_format: string | null
  readonly min_disk: number
  readonly min_ram: number
  readonly protected: boolean
  readonly os_hidden: boolean
  readonly created_at: number
  readonly updated_at: number
  readonly tags: readonly string[]
  /** Custom properties, such as hw_disk_bus. */
  readonly properties: Readonly<Record<string, string | null>>
}

export interface NewImageInfo {
  id?: string
  name?: string | null
  visibility?: ImageInfo['visibility']
  owner?: string | null
  disk_format?: string | null
  container_format?: string | null
  min_disk?: number
  min_ram?: number
  protected?: boolean
  os_hidden?: boolean
  tags?: string[]
  properties?: Record<string, string | null>
}

/** Every call acts as the caller of the context and throws the faults of the image API. */
export interface ImageClient {
  /** Throws ImageNotFound, also for what the caller may not see. */
  show(context: RequestContext, id: string): Promise<ImageInfo>
  /** All images that match; filters as in `GET /v2/images`, such as `{ name, 'image_type': 'backup' }`. */
  list(context: RequestContext, filters?: Record<string, string>): Promise<ImageInfo[]>
  /** The data as a stream; it stays readable when the image is deleted meanwhile. Throws ImageHasNoData. */
  open(context: RequestContext, id: string): Promise<Readable>
  /** Where the data lies on this host, to be linked or copied, never written. Absent where it lies elsewhere. */
  readonly path?: (context: RequestContext, id: string) => Promise<string>
  create(context: RequestContext, image: NewImageInfo): Promise<ImageInfo>
  /** Fills a queued image; on failure it is queued again. The content is inspected like anybody's. */
  upload(context: RequestContext, id: string, data: Readable): Promise<ImageInfo>
  /** Sets the given attributes and properties; a property with undefined is removed. */
  update(context: RequestContext, id: string, changes: Record<string, unknown>): Promise<ImageInfo>
  /** Gone once it returns. Throws ImageProtected. */
  delete(context: RequestContext, id: string): Promise<void>
  /** Shares an image of visibility `shared`; sharing it again changes nothing. */
  addMember(context: RequestContext, id: string, projectId: string): Promise<void>
}
