// Placement's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { firstTables } from './0001-placement.ts'
import { providerChanges } from './0002-provider-changes.ts'

export const placementSchema: ServiceSchema = { service: 'placement', steps: [firstTables, providerChanges] }
