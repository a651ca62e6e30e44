// The options of the table [image].
import type { OptionTable, Values } from '@kilonova/base/options'

export const imageOptions = {
  image_size_cap: {
    type: 'integer',
    default: 1024 ** 4,
    min: 1,
    help: 'bytes that an image may have at most',
  },
  image_property_quota: { type: 'integer', default: 128, min: 0, help: 'custom properties of one image at most' },
  image_tag_quota: { type: 'integer', default: 128, min: 0, help: 'tags of one image at most' },
  image_member_quota: { type: 'integer', default: 128, min: 0, help: 'projects that one image is shared with at most' },
  reserved_space_mb: {
    type: 'integer',
    default: 512,
    min: 0,
    help: 'megabytes of the file system that uploads leave free',
  },
  upload_timeout: {
    type: 'integer',
    default: 60,
    min: 1,
    help: 'seconds in which an upload must bring 64 KiB or end',
  },
} as const satisfies OptionTable

export type ImageOptions = Values<typeof imageOptions>
