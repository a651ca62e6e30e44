// Routers made, changed and removed.
import type { Call } from '@kilonova/api/route'
import { canonical, formatCidr, holds, parseAddress, parseCidr } from '../addresses.ts'
import { fault } from '../faults.ts'
import type { Network } from '../network.ts'
import { tables } from '../network.ts'
import { checkQuota } from '../quota.ts'
import type { RouterRow } from '../schema/tables.ts'
import { changed, checkRevision, flag, newStandard, ownerOf, parsed } from '../standard.ts'
import { routesOf } from '../subnets/check.ts'
import { removeTags } from '../tags.ts'
import { checkGatewayRights, setGateway } from './gateway.ts'
import { addressesOf, getRouter, legsOf } from './rows.ts'
import type { ExtraRoute, NewRouter, RouterChange } from './schema.ts'

/** Makes all of them or none. */
export function createRouters(network: Network, call: Call, items: readonly NewRouter[]): Promise<RouterRow[]> {
  return network.store.transaction(async () => {
    const rows: RouterRow[] = []
    for (const item of items) {
      checkGatewayRights(call, 'create_router', item.external_gateway_info)
      const projectId = ownerOf(call.context, item)
      await checkQuota(network, projectId, 'router')
      const row = await insertRouter(network, projectId, item)
      const info = item.external_gateway_info
      rows.push(info ? await setGateway(network, call, row, info) : row)
    }
    await network.changes.touch({ routers: rows.map(({ id }) => id) })
    return rows
  })
}

export async function insertRouter(network: Network, projectId: string, item: NewRouter): Promise<RouterRow> {
  const row: RouterRow = {
    ...newStandard(network, projectId, item),
    name: item.name ?? '',
    admin_state_up: flag(item.admin_state_up ?? true),
    gateway_network_id: null,
    gateway_port_id: null,
    enable_snat: 1,
    routes_json: '[]',
  }
  await tables(network).insertInto('network_routers').values(row).execute()
  return row
}

export function updateRouter(network: Network, call: Call, asked: RouterChange): Promise<RouterRow> {
  return changeRouter(network, call, 'update_router', async (row) => {
    checkGatewayRights(call, 'update_router', asked.external_gateway_info)
    const info = asked.external_gateway_info
    const moved = info === undefined ? row : await setGateway(network, call, row, info)
    const { name, description, admin_state_up, routes } = asked
    return {
      ...moved,
      name: name ?? row.name,
      description: description ?? row.description,
      admin_state_up: admin_state_up === undefined ? row.admin_state_up : flag(admin_state_up),
      ...(routes === undefined ? {} : { routes_json: await checkedRoutes(network, row, routes ?? []) }),
    }
  })
}

/** Adds the routes that are not there yet; or takes away those that are. */
export function changeRoutes(
  network: Network,
  call: Call,
  rule: 'add_extraroutes' | 'remove_extraroutes',
  asked: readonly ExtraRoute[],
): Promise<RouterRow> {
  return changeRouter(network, call, rule, async (row) => {
    const before = parsed<ExtraRoute[]>(row.routes_json)
    const named = asked.map(normalized)
    const isNamed = (route: ExtraRoute): boolean => named.some((one) => keyOf(one) === keyOf(route))
    const kept = before.filter((route) => !isNamed(route))
    const wanted = rule === 'add_extraroutes' ? [...kept, ...named] : kept
    return { ...row, routes_json: await checkedRoutes(network, row, wanted) }
  })
}

async function changeRouter(
  network: Network,
  call: Call,
  rule: 'update_router' | 'add_extraroutes' | 'remove_extraroutes',
  work: (row: RouterRow) => Promise<RouterRow>,
): Promise<RouterRow> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`router ${id}`)
    const row = await getRouter(network, call.context, id)
    call.require(rule, { projectId: row.project_id })
    checkRevision(call.headers, row)
    const after = { ...(await work(row)), ...changed(network, row) }
    await tables(network).updateTable('network_routers').set(after).where('id', '=', id).execute()
    await network.changes.touch({ routers: [id] })
    return after
  })
}

const keyOf = ({ destination, nexthop }: ExtraRoute): string => `${destination} ${nexthop}`

function normalized({ destination, nexthop }: ExtraRoute): ExtraRoute {
  const cidr = parseCidr(destination)
  const hop = canonical(nexthop)
  return { destination: cidr ? formatCidr(cidr) : destination, nexthop: hop ?? nexthop }
}

/** The routes as they are kept: each next hop is a neighbour of the router. */
async function checkedRoutes(network: Network, { id }: RouterRow, asked: readonly ExtraRoute[]): Promise<string> {
  const most = network.options.max_routes
  if (asked.length > most) throw fault('RoutesExhausted', { id, most })
  const routes = routesOf('routes', asked)
  const legs = await addressesOf(network, id)
  for (const route of routes) {
    const refuse = (why: string): never => {
      throw fault('InvalidRoutes', { routes: JSON.stringify(routes), why })
    }
    const hop = parseAddress(route.nexthop)!
    if (hop.version !== parseCidr(route.destination)!.version) {
      refuse(`'${route.nexthop}' is no next hop to ${route.destination}`)
    }
    if (!legs.some(({ subnet }) => holds(parseCidr(subnet.cidr)!, hop))) {
      refuse('the nexthop is not connected with router')
    }
    if (legs.some(({ ipAddress }) => ipAddress === route.nexthop)) refuse('the nexthop is used by router')
  }
  return JSON.stringify(routes)
}

export function deleteRouter(network: Network, call: Call): Promise<void> {
  const id = call.params['id']!
  return network.store.transaction(async () => {
    await network.store.lock(`router ${id}`)
    const row = await getRouter(network, call.context, id)
    call.require('delete_router', { projectId: row.project_id })
    checkRevision(call.headers, row)
    const legs = await legsOf(network, [id])
    if (legs.some(({ device_owner }) => device_owner === 'network:router_interface')) throw fault('RouterInUse', { id })
    await setGateway(network, call, row, null)
    await tables(network).deleteFrom('network_routers').where('id', '=', id).execute()
    await removeTags(network, id)
    await network.changes.touch({ routers: [id] })
  })
}
