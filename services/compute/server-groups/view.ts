// A server group as the API's newest reply.
import type { ServerGroupRow } from '../schema/tables.ts'

export function serverGroupView(row: ServerGroupRow, members: string[]): object {
  return {
    id: row.id,
    name: row.name,
    policy: row.policy,
    rules: row.max_server_per_host === null ? {} : { max_server_per_host: row.max_server_per_host },
    policies: [row.policy],
    members,
    metadata: {},
    project_id: row.project_id,
    user_id: row.user_id,
  }
}
