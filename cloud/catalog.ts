// The services that the catalog lists, and where each answers.
import type { CatalogService } from '@kilonova/identity/bootstrap'

export const catalog: readonly CatalogService[] = [
  { type: 'identity', name: 'keystone', path: '/identity/v3' },
  { type: 'compute', name: 'nova', path: '/compute/v2.1' },
  { type: 'image', name: 'glance', path: '/image' },
  { type: 'network', name: 'neutron', path: '/network' },
  { type: 'placement', name: 'placement', path: '/placement' },
]
