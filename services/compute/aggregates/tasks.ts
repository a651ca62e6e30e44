// The task of an aggregate: its name and input. Its steps are the conductor's.
import { taskKind } from '@kilonova/tasks/saga'

export interface CacheImages {
  aggregateId: number
  imageIds: string[]
}

/** Several may run at once: a host that has an image already answers at once. */
export const cacheImagesTask = taskKind<CacheImages>('aggregate.cache-images', {
  resource: ({ aggregateId }) => ({ type: 'aggregate', id: String(aggregateId) }),
  mutates: false,
  deadline: 24 * 3600,
})
