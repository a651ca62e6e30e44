// Changes of flavors, each as one transaction with what is told of it.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { tellOfFlavor } from '../notifications/flavor-notice.ts'
import { extraSpecsOf, projectsWithAccess } from './store.ts'

/** Does the work, then tells of the flavor as it is afterwards; nothing when there is none. */
export function changingFlavor<T>(
  compute: Compute,
  action: 'create' | 'update',
  id: string,
  work: () => Promise<T>,
): Promise<T> {
  return compute.store.transaction(async () => {
    const result = await work()
    await tellOf(compute, action, id)
    return result
  })
}

/** Tells of the flavor as it is, then does the work. */
export function removingFlavor<T>(compute: Compute, id: string, work: () => Promise<T>): Promise<T> {
  return compute.store.transaction(async () => {
    await tellOf(compute, 'delete', id)
    return work()
  })
}

async function tellOf(compute: Compute, action: 'create' | 'update' | 'delete', id: string): Promise<void> {
  if (!compute.notifications.versioned) return
  const row = await tables(compute).selectFrom('compute_flavors').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) return
  const extraSpecs = (await extraSpecsOf(compute, [id])).get(id)!
  await tellOfFlavor(compute, action, { row, extraSpecs, projects: await projectsWithAccess(compute, id) })
}
