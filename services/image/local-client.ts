// The client for whoever lives in the same process as the image service.
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { ImageClient, ImageInfo, NewImageInfo } from './client.ts'
import { fault } from './faults.ts'
import { seenImage } from './images/access.ts'
import { createImage, type NewImage } from './images/create.ts'
import { deleteImage } from './images/delete.ts'
import { type StoredImage, storedImage } from './images/download.ts'
import { checkAttributeValue } from './images/fields.ts'
import type { Image } from './images/image.ts'
import type { Change } from './images/json-patch.ts'
import { listImages } from './images/list.ts'
import { updateImage } from './images/update.ts'
import { uploadImage } from './images/upload.ts'
import { addMember } from './members/members.ts'
import type { ImageParts } from './parts.ts'

export class LocalImageClient implements ImageClient {
  readonly #parts: ImageParts

  constructor(parts: ImageParts) {
    this.#parts = parts
  }

  async show(context: RequestContext, id: string): Promise<ImageInfo> {
    return infoOf(await seenImage(this.#parts, context, id))
  }

  async list(context: RequestContext, filters: Record<string, string> = {}): Promise<ImageInfo[]> {
    const all: Image[] = []
    for (let marker: string | undefined; ; ) {
      const search = new URLSearchParams({ limit: '1000', ...filters, ...(marker ? { marker } : {}) })
      const { images, next } = await listImages(this.#parts, context, search)
      all.push(...images)
      if (next === undefined) return all.map(infoOf)
      marker = next
    }
  }

  async open(context: RequestContext, id: string): Promise<Readable> {
    return this.#parts.files.read((await this.#stored(context, id)).file)
  }

  readonly path = async (context: RequestContext, id: string): Promise<string> => {
    return this.#parts.files.path((await this.#stored(context, id)).file)
  }

  async #stored(context: RequestContext, id: string): Promise<StoredImage> {
    const stored = await storedImage(this.#parts, context, id)
    if (!stored) throw fault('ImageHasNoData', { id })
    return stored
  }

  async create(context: RequestContext, image: NewImageInfo): Promise<ImageInfo> {
    const { properties, ...attributes } = image
    const given = { ...attributes, ...properties }
    for (const [name, value] of Object.entries(given)) checkAttributeValue(name, value)
    return infoOf(await createImage(this.#parts, context, given as NewImage))
  }

  async upload(context: RequestContext, id: string, data: Readable): Promise<ImageInfo> {
    await uploadImage(this.#parts, context, { id, stream: data })
    return this.show(context, id)
  }

  async update(context: RequestContext, id: string, changes: Record<string, unknown>): Promise<ImageInfo> {
    const { properties } = await seenImage(this.#parts, context, id)
    const operations = Object.entries(changes)
      .filter(([name, value]) => value !== undefined || name in properties)
      .map(([name, value]): Change => (value === undefined ? { op: 'remove', name } : { op: 'add', name, value }))
    return infoOf(await updateImage(this.#parts, context, { id, changes: operations, form: 'v2.1' }))
  }

  delete(context: RequestContext, id: string): Promise<void> {
    return deleteImage(this.#parts, context, id)
  }

  async addMember(context: RequestContext, id: string, projectId: string): Promise<void> {
    try {
      await addMember(this.#parts, context, { id, member: projectId })
    } catch (error) {
      if (!isFault(error, 'MemberExists')) throw error
    }
  }
}

function infoOf(image: Image): ImageInfo {
  const { file: _file, upload: _upload, upload_seen_at: _seen, status, ...rest } = image
  return {
    ...rest,
    status: status as ImageInfo['status'], // what is to be deleted is never read
    protected: image.protected === 1,
    os_hidden: image.os_hidden === 1,
  }
}
