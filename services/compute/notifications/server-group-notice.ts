// Tells of server groups: made, removed, joined.
import type { Compute } from '../compute.ts'
import type { ServerGroupRow } from '../schema/tables.ts'
import { novaObject } from './nova-object.ts'
import { tell } from './outbox.ts'

const WORDS = { create: 'create', delete: 'delete', add_member: 'addmember' } as const

/** Inside the transaction of the change; `members` as they are after it. */
export async function tellOfServerGroup(
  compute: Compute,
  action: keyof typeof WORDS,
  group: ServerGroupRow,
  members: readonly string[],
): Promise<void> {
  const { id, name, project_id, user_id, policy, max_server_per_host: most } = group
  const publisher = { service: 'servergroup', host: id } as const
  const about = {
    create: { name, project_id, user_id, policies: [policy] },
    delete: {},
    add_member: { instance_uuids: members },
  }
  const payload = { server_group_id: id, ...about[action] }
  await tell(compute, { publisher, unversioned: { eventType: `servergroup.${WORDS[action]}`, payload } })
  const rules = most === null ? {} : { max_server_per_host: String(most) }
  const data = { uuid: id, name, project_id, user_id, policy, policies: [policy], rules, members, hosts: null }
  const versioned = {
    eventType: `server_group.${action}`,
    payload: novaObject('ServerGroupPayload', '1.1', data),
  }
  await tell(compute, { publisher: { service: 'api', host: compute.notifications.host }, versioned })
}
