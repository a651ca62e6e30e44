// The image service's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { images0001 } from './0001-images.ts'

export const imageSchema: ServiceSchema = { service: 'image', steps: [images0001] }
