// The tables of every service and plug-in, in the order in which `db sync` makes them.
import { computeSchema } from '@kilonova/compute/schema'
import { identitySchema } from '@kilonova/identity/schema'
import { imageSchema } from '@kilonova/image/schema'
import { networkSchema } from '@kilonova/network/schema'
import { placementSchema } from '@kilonova/placement/schema'
import { answerSchema } from '@kilonova/store/kept-answers'
import type { ServiceSchema } from '@kilonova/store/schema'
import { taskSchema } from '@kilonova/tasks/schema'
import type { CloudConfig } from './config.ts'
import { pluginSchemas } from './plugins.ts'

export const schemas: readonly ServiceSchema[] = [
  taskSchema,
  answerSchema,
  identitySchema,
  imageSchema,
  placementSchema,
  networkSchema,
  computeSchema,
]

export function schemasOf({ extensions }: CloudConfig): readonly ServiceSchema[] {
  return [...schemas, ...pluginSchemas(extensions)]
}
