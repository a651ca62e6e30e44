// Compute's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { firstTables } from './0001-compute.ts'
import { keypairNumbers } from './0002-keypair-numbers.ts'
import { aggregatesAndGroups } from './0003-aggregates-and-groups.ts'

export const computeSchema: ServiceSchema = {
  service: 'compute',
  steps: [firstTables, keypairNumbers, aggregatesAndGroups],
}
