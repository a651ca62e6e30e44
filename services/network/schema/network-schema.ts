// Network's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { firstTables } from './0001-network.ts'
import { autoAllocatedTopologies } from './0002-auto-allocated-topologies.ts'

export const networkSchema: ServiceSchema = { service: 'network', steps: [firstTables, autoAllocatedTopologies] }
