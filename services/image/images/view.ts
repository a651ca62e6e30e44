// An image as its callers see it: custom properties stand beside the others.
import type { Image } from './image.ts'

export function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z')
}

export function imageView(image: Image): Record<string, unknown> {
  const self = `/v2/images/${image.id}`
  return {
    ...image.properties,
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    owner: image.owner,
    size: image.size,
    virtual_size: image.virtual_size,
    checksum: image.checksum,
    os_hash_algo: image.os_hash_algo,
    os_hash_value: image.os_hash_value,
    disk_format: image.disk_format,
    container_format: image.container_format,
    min_disk: image.min_disk,
    min_ram: image.min_ram,
    protected: image.protected === 1,
    os_hidden: image.os_hidden === 1,
    tags: image.tags,
    created_at: timeText(image.created_at),
    updated_at: timeText(image.updated_at),
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
  }
}
