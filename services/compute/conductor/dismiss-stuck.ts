// Stuck tasks of a server that end as they are: a retry would undo them under what has been done to it since.
import type { Compute } from '../compute.ts'

export async function dismissStuck({ tasks }: Pick<Compute, 'tasks'>, serverId: string, why: string): Promise<void> {
  for (const { id, reason } of await tasks.list({ stuck: true, resource: { type: 'server', id: serverId } })) {
    await tasks.dismiss(id, `${reason}; given up: ${why}`)
  }
}
