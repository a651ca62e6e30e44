// os-quota-class-sets: limits by class. Projects without limits of their own have those of the class `default`.
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { QuotaLimits } from '../quota-limits.ts'
import { classLimits } from '../quota-limits.ts'
import { route } from '../route.ts'
import type { NewLimits } from './schema.ts'
import { QuotaClassShown, ShowQuotaClass, UpdateQuotaClass } from './schema.ts'
import { setClassLimits } from './store.ts'

const ONE = '/v2.1/os-quota-class-sets/:id'
const LONGEST_NAME = 255

/** Answers all limits of the class. */
function updateClass(compute: Compute, name: string, asked: NewLimits): Promise<QuotaLimits> {
  if (name.length > LONGEST_NAME) {
    const message = `Invalid input received: quota_class_name has ${name.length} characters, more than ${LONGEST_NAME}.`
    throw fault('BadRequest', { message })
  }
  const limits = Object.fromEntries(Object.entries(asked).map(([resource, limit]) => [resource, Number(limit)]))
  return compute.store.transaction(async () => {
    await setClassLimits(compute, name, limits)
    return classLimits(compute, name)
  })
}

export const quotaClassSetRoutes = [
  route({
    method: 'GET',
    path: ONE,
    policy: 'os-quota-class-sets:show',
    query: ShowQuotaClass,
    success: 200,
    reply: QuotaClassShown,
    handler: async (compute, { params }) => {
      const id = params['id']!
      return { quota_class_set: { id, ...(await classLimits(compute, id)) } }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'os-quota-class-sets:update',
    body: UpdateQuotaClass,
    success: 200,
    reply: QuotaClassShown,
    handler: async (compute, { params, body }) => ({
      quota_class_set: await updateClass(compute, params['id']!, body.quota_class_set),
    }),
  }),
]
