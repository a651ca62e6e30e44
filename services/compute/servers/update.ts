// PUT /servers/{id}: name, addresses, description, host name.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import type { UpdateServer } from './schema.ts'
import type { ServerUpdate } from './store.ts'
import { getServer, updateServer } from './store.ts'

export async function changeServer(
  compute: Compute,
  context: RequestContext,
  id: string,
  { server }: UpdateServer,
): Promise<ServerRow> {
  return compute.store.transaction(async () => {
    await getServer(compute, context, id)
    const changes: ServerUpdate = {
      ...(server.name === undefined ? {} : { display_name: server.name }),
      ...(server.accessIPv4 === undefined ? {} : { access_ip_v4: server.accessIPv4 }),
      ...(server.accessIPv6 === undefined ? {} : { access_ip_v6: server.accessIPv6 }),
      ...(server.description === undefined ? {} : { description: server.description }),
      ...(server.hostname === undefined ? {} : { hostname: server.hostname }),
      ...(server['OS-DCF:diskConfig'] === undefined ? {} : { disk_config: server['OS-DCF:diskConfig'] }),
    }
    await updateServer(compute, id, changes)
    return getServer(compute, context, id)
  })
}
