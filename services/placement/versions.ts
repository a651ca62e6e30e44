// The microversions that placement speaks, and how it speaks.
import { placementManners } from '@kilonova/api/manners/placement'

const MIN_VERSION = '1.0'
const MAX_VERSION = '1.39'

export const manners = placementManners({ min: MIN_VERSION, max: MAX_VERSION })

/** The discovery document. */
export const versionsDocument = {
  versions: [
    {
      id: 'v1.0',
      min_version: MIN_VERSION,
      max_version: MAX_VERSION,
      status: 'CURRENT',
      links: [{ rel: 'self', href: '' }],
    },
  ],
}
