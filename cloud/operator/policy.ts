// Every rule of the operator's API: all of it is for admins.
import type { Policy } from '@kilonova/api/policy'
import { admin } from '@kilonova/api/policy'

export const policy = {
  'kilonova:status': admin,
  'kilonova:tasks:list': admin,
  'kilonova:tasks:retry': admin,
  'kilonova:audit': admin,
  'kilonova:servers:explain': admin,
  'kilonova:purge': admin,
} satisfies Policy
