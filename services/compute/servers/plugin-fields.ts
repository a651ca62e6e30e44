// The fields that plug-ins add to servers: to the body that makes them, and to what is shown of them.
import type { Call } from '@kilonova/api/route'
import { existsFor } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ActivePlugin, Fields } from '../plugin.ts'
import type { ServerRow } from '../schema/tables.ts'
import { CreateServer, NetworkRequest, NewServer } from './schema.ts'

/** The body of POST /servers with the plug-ins' fields; the very same schema where there are none. */
export function createServerWith(plugins: readonly ActivePlugin[]): typeof CreateServer {
  const extensions = plugins.flatMap(({ serverCreate }) => serverCreate ?? [])
  const fields: Fields = Object.assign({}, ...extensions.map((one) => one.fields))
  const networkFields: Fields = Object.assign({}, ...extensions.map((one) => one.networkFields))
  if (Object.keys({ ...fields, ...networkFields }).length === 0) return CreateServer
  const item = withFields(NetworkRequest, networkFields)
  const { networks } = NewServer.properties
  const anyOf = networks.anyOf.map((one) =>
    'items' in one && one.items === NetworkRequest ? { ...one, items: item } : one,
  )
  const server = withFields(NewServer, { networks: { ...networks, anyOf }, ...fields })
  return withFields(CreateServer, { server })
}

function withFields<Schema extends { properties: object }>(schema: Schema, fields: object): Schema {
  return { ...schema, properties: { ...schema.properties, ...fields } }
}

type Asked = Pick<Call, 'context' | 'at' | 'allows' | 'url'>

/** What plug-ins show of these servers at the caller's version, by id. */
export async function pluginFields(
  compute: Compute,
  call: Asked,
  servers: readonly ServerRow[],
): Promise<ReadonlyMap<string, object>> {
  const shown = new Map<string, object>()
  for (const { name, serverView } of compute.plugins ?? []) {
    if (!serverView || servers.length === 0) continue
    const kept = () => keptWith(compute, name, servers)
    const values = await serverView.values({ compute, call, servers, kept })
    for (const { id } of servers) {
      const fields = Object.entries(values.get(id) ?? {}).filter(([field]) => isShown(serverView.fields, field, call))
      shown.set(id, { ...shown.get(id), ...Object.fromEntries(fields) })
    }
  }
  return shown
}

function isShown(fields: Fields, name: string, { at }: Asked): boolean {
  return Object.hasOwn(fields, name) && existsFor(fields[name], at)
}

/** What a plug-in kept with these servers, by id. */
async function keptWith(
  compute: Compute,
  plugin: string,
  servers: readonly ServerRow[],
): Promise<ReadonlyMap<string, unknown>> {
  const rows = await tables(compute)
    .selectFrom('compute_request_specs')
    .select(['server_id', 'spec_json'])
    .where(
      'server_id',
      'in',
      servers.map(({ id }) => id),
    )
    .execute()
  const entries = rows.flatMap(({ server_id, spec_json }) => {
    const { plugins = {} } = JSON.parse(spec_json) as { plugins?: Record<string, unknown> }
    return Object.hasOwn(plugins, plugin) ? [[server_id, plugins[plugin]] as const] : []
  })
  return new Map(entries)
}
