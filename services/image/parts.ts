// What the commands of the image service work with.
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import type { FileStore } from './file-store.ts'
import type { ImageStore } from './images/store.ts'
import type { Uploads } from './images/uploads.ts'
import type { MemberStore } from './members/store.ts'
import type { ImageOptions } from './options.ts'

export interface ImageParts {
  readonly images: ImageStore
  readonly members: MemberStore
  readonly files: FileStore
  readonly uploads: Uploads
  readonly options: ImageOptions
  readonly clock: Clock
  readonly random: Random
}
