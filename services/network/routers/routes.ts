// /v2.0/routers and their actions
import { fault } from '../faults.ts'
import type { Listed } from '../listing.ts'
import {
  bool,
  chosenFields,
  everything,
  listReply,
  listRows,
  nothing,
  ownRows,
  standardColumns,
  text,
} from '../listing.ts'
import { route } from '../route.ts'
import type { RouterRow } from '../schema/tables.ts'
import { itemsOf } from '../standard.ts'
import { addInterface, removeInterface } from './interfaces.ts'
import { getRouter } from './rows.ts'
import type { NewRouter } from './schema.ts'
import { ChangeRoutes, CreateRouters, RouterInterface, UpdateRouter } from './schema.ts'
import { routerViews } from './view.ts'
import { changeRoutes, createRouters, deleteRouter, updateRouter } from './write.ts'

export const routerList: Listed = {
  table: 'network_routers',
  collection: 'routers',
  columns: { ...standardColumns, name: text('name'), admin_state_up: bool('admin_state_up') },
  conditions: {
    status: (values) => (values.some((value) => value.toUpperCase() === 'ACTIVE') ? everything : nothing),
  },
  notFound: (id) => fault('RouterNotFound', { id }),
}

const resourceRoutes = [
  route({
    method: 'GET',
    path: '/v2.0/routers',
    policy: 'get_router',
    success: 200,
    handler: async (network, call) => {
      const page = await listRows<RouterRow>(network, call, routerList, ownRows(call.context))
      return listReply(call, routerList, page, await routerViews(network, page.rows))
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/routers',
    once: true,
    policy: 'create_router',
    body: CreateRouters,
    success: 201,
    handler: async (network, call) => {
      const { items, isBulk } = itemsOf<NewRouter>(call.body, 'router', 'routers')
      const views = await routerViews(network, await createRouters(network, call, items))
      return isBulk ? { routers: views } : { router: views[0] }
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/routers/:id',
    policy: 'get_router',
    success: 200,
    handler: async (network, call) => {
      const row = await getRouter(network, call.context, call.params['id']!)
      return { router: chosenFields(call, (await routerViews(network, [row]))[0]!) }
    },
  }),
  route({
    method: 'PUT',
    path: '/v2.0/routers/:id',
    policy: 'update_router',
    body: UpdateRouter,
    success: 200,
    handler: async (network, call) => {
      const row = await updateRouter(network, call, call.body.router)
      return { router: (await routerViews(network, [row]))[0] }
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/routers/:id',
    policy: 'delete_router',
    success: 204,
    handler: (network, call) => deleteRouter(network, call),
  }),
]

const actionRoutes = [
  route({
    method: 'PUT',
    path: '/v2.0/routers/:id/add_router_interface',
    policy: 'add_router_interface',
    body: RouterInterface,
    success: 200,
    handler: (network, call) => addInterface(network, call, call.body),
  }),
  route({
    method: 'PUT',
    path: '/v2.0/routers/:id/remove_router_interface',
    policy: 'remove_router_interface',
    body: RouterInterface,
    success: 200,
    handler: (network, call) => removeInterface(network, call, call.body),
  }),
  ...(['add_extraroutes', 'remove_extraroutes'] as const).map((action) =>
    route({
      method: 'PUT',
      path: `/v2.0/routers/:id/${action}`,
      policy: action,
      body: ChangeRoutes,
      success: 200,
      handler: async (network, call) => {
        const row = await changeRoutes(network, call, action, call.body.router.routes)
        return { router: (await routerViews(network, [row]))[0] }
      },
    }),
  ),
]

export const routerRoutes = [...resourceRoutes, ...actionRoutes]
