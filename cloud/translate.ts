// Errors of the rooms below as what a caller of the API may see.
import type { Fault } from '@kilonova/base/fault'
import { isOutOfSpace } from '@kilonova/store/store'
import { isStoreTrouble } from '@kilonova/tasks/transient'
import { fault } from './faults.ts'

export function translate(error: unknown): Fault | undefined {
  if (isOutOfSpace(error)) return fault('StoreFull', {}, error)
  return isStoreTrouble(error) ? fault('StoreUnreachable', {}, error) : undefined
}
