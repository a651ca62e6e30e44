// Removes a domain with everything in it.
import { fault } from '../faults.ts'
import type { Groups } from '../groups/store.ts'
import type { Parts } from '../parts.ts'
import { isImmutable } from '../parts.ts'
import type { Projects } from '../projects/store.ts'
import type { Roles } from '../roles/store.ts'
import type { ProjectRow } from '../schema/tables.ts'
import type { Users } from '../users/store.ts'

export interface DomainRooms extends Parts {
  readonly projects: Projects
  readonly users: Users
  readonly groups: Groups
  readonly roles: Roles
}

/** All or nothing; an enabled domain is refused. */
export async function removeDomain(rooms: DomainRooms, domain: ProjectRow): Promise<void> {
  if (isImmutable(domain)) throw fault('Immutable', { type: 'domain', id: domain.id, verb: 'delete' })
  const of = { domain_id: domain.id }
  await rooms.store.transaction(async () => {
    const current = await rooms.projects.domain(domain.id)
    if (current?.enabled === 1) {
      throw fault('Forbidden', { message: 'Cannot delete a domain that is enabled, please disable it first.' })
    }
    for (const user of await rooms.users.rows.all(of)) await rooms.users.discard(user.id)
    for (const group of await rooms.groups.rows.all(of)) await rooms.groups.discard(group.id)
    for (const role of await rooms.roles.rows.all(of)) await rooms.roles.discard(role.id)
    for (const project of await rooms.projects.rows.all(of)) await rooms.projects.discard(project.id)
    await rooms.projects.discard(domain.id)
    await rooms.changes.note('subjects')
  })
}
