// The rows of the image service.
import type { Flag } from '@kilonova/store/store'

export type ImageStatus = 'queued' | 'saving' | 'active' | 'deactivated' | 'pending_delete'
export type Visibility = 'public' | 'private' | 'shared' | 'community'
export type MemberStatus = 'pending' | 'accepted' | 'rejected'

export interface ImageRow {
  id: string
  name: string | null
  status: ImageStatus
  visibility: Visibility
  owner: string | null
  size: number | null
  virtual_size: number | null
  checksum: string | null
  os_hash_algo: string | null
  os_hash_value: string | null
  disk_format: string | null
  container_format: string | null
  min_disk: number
  min_ram: number
  protected: Flag
  os_hidden: Flag
  created_at: number
  updated_at: number
  /** Name of the data in the file store. */
  file: string | null
  /** Name under which the upload that runs writes. Kept until the image is active again or queued. */
  upload: string | null
  /** When that upload was last known to live, by the store's clock. */
  upload_seen_at: number | null
}

export interface MemberRow {
  image_id: string
  member: string
  status: MemberStatus
  created_at: number
  updated_at: number
}

export interface ImageTables {
  images: ImageRow
  image_properties: { image_id: string; name: string; value: string | null }
  image_tags: { image_id: string; value: string }
  image_members: MemberRow
}
