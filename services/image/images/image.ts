// An image as the service's own code sees it.
import type { ImageRow } from '../schema/tables.ts'

export interface Image extends ImageRow {
  /** Custom properties; a value may be null only for the two that name other images. */
  readonly properties: Readonly<Record<string, string | null>>
  readonly tags: readonly string[]
}

export const DISK_FORMATS = ['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'] as const
export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const
export const VISIBILITIES = ['community', 'public', 'private', 'shared'] as const
