// Isolated images go to isolated hosts alone; and, when restricted, nothing else goes there.
import type { Filter } from '../host-state.ts'
import type { FilterOptions } from './filter-options.ts'

export const isolatedHostsFilter = ({
  isolated_images: images,
  isolated_hosts: hosts,
  restrict_isolated_hosts_to_isolated_images: restricted,
}: FilterOptions): Filter => ({
  name: 'IsolatedHostsFilter',
  runsOnRebuild: true,
  reads: ({ image }) => image?.id ?? '',
  judge({ host }, { image }) {
    const isolatedImage = image !== null && images.includes(image.id)
    const isolatedHost = hosts.includes(host)
    if (isolatedImage && !isolatedHost) return 'it is not isolated, the image is'
    return restricted && isolatedHost && !isolatedImage ? 'it is isolated, the image is not' : undefined
  },
})
