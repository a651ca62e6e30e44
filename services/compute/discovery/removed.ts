// The APIs that Nova once had: whoever still asks for them is told that they are gone for good, at every microversion.
import { fault } from '../faults.ts'
import { route } from '../route.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const
type Method = (typeof METHODS)[number]

/** Path and methods; in place of POST the names of actions. */
const REMOVED: readonly (readonly [path: string, ...methods: string[]])[] = [
  ['os-agents', 'GET', 'POST'],
  ['os-agents/:id', 'PUT', 'DELETE'],
  ['os-cells', 'POST', 'GET'],
  ['os-cells/capacities', 'GET'],
  ['os-cells/detail', 'GET'],
  ['os-cells/info', 'GET'],
  ['os-cells/sync_instances', 'POST'],
  ['os-cells/:id', 'GET', 'PUT', 'DELETE'],
  ['os-cells/:id/capacities', 'GET'],
  ['os-certificates', 'POST'],
  ['os-certificates/:id', 'GET'],
  ['os-cloudpipe', 'GET', 'POST'],
  ['os-cloudpipe/:id', 'PUT'],
  ['os-fixed-ips/:id', 'GET'],
  ['os-fixed-ips/:id/action', 'reserve', 'unreserve'],
  ['os-floating-ip-dns', 'GET'],
  ['os-floating-ip-dns/:id', 'PUT', 'DELETE'],
  ['os-floating-ip-dns/:domain_id/entries/:id', 'GET', 'PUT', 'DELETE'],
  ['os-floating-ips-bulk', 'GET', 'POST'],
  ['os-floating-ips-bulk/:id', 'GET', 'PUT'],
  ['os-fping', 'GET'],
  ['os-fping/:id', 'GET'],
  ['os-networks', 'POST'],
  ['os-networks/add', 'POST'],
  ['os-networks/:id', 'DELETE'],
  ['os-networks/:id/action', 'disassociate', 'disassociate_host', 'disassociate_project', 'associate_host'],
  ['os-security-group-default-rules', 'GET', 'POST'],
  ['os-security-group-default-rules/:id', 'GET', 'DELETE'],
  ['os-tenant-networks', 'POST'],
  ['os-tenant-networks/:id', 'DELETE'],
  ['servers/:id/action', 'resetNetwork'],
  ['servers/:server_id/consoles', 'GET', 'POST'],
  ['servers/:server_id/consoles/:id', 'GET', 'DELETE'],
  ['servers/:server_id/os-virtual-interfaces', 'GET'],
]

const isMethod = (name: string): name is Method => (METHODS as readonly string[]).includes(name)

export const removedRoutes = REMOVED.flatMap(([path, ...names]) =>
  names.map((name) =>
    route({
      ...(isMethod(name) ? { method: name } : { method: 'POST', action: name }),
      path: `/v2.1/${path}`,
      policy: 'removed',
      success: 410,
      handler: async () => {
        throw fault('ApiRemoved', {})
      },
    }),
  ),
)
