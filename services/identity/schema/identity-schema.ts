// Identity's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { identityTables } from './0001-identity.ts'

export const identitySchema: ServiceSchema = { service: 'identity', steps: [identityTables] }
