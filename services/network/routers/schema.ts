// Bodies of routers.
import { convertedBoolean, nullable, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { named, owned } from '../standard.ts'

const address = Type.String({ maxLength: 64 })
const Route = Type.Object({ destination: address, nexthop: address }, closed)
const Routes = Type.Array(Route)

const Gateway = Type.Object(
  {
    network_id: Type.Optional(uuid()),
    enable_snat: Type.Optional(convertedBoolean()),
    external_fixed_ips: Type.Optional(
      Type.Array(Type.Object({ subnet_id: Type.Optional(uuid()), ip_address: Type.Optional(address) }, closed)),
    ),
  },
  closed,
)

const fields = {
  ...named,
  admin_state_up: Type.Optional(convertedBoolean()),
  external_gateway_info: Type.Optional(nullable(Gateway)),
}

const NewRouter = Type.Object(
  { ...fields, ...owned, availability_zone_hints: Type.Optional(Type.Array(Type.String())) },
  closed,
)
const RouterChange = Type.Object({ ...fields, routes: Type.Optional(nullable(Routes)) }, closed)

export const CreateRouters = Type.Object(
  { router: Type.Optional(NewRouter), routers: Type.Optional(Type.Array(NewRouter, { minItems: 1 })) },
  closed,
)
export const UpdateRouter = Type.Object({ router: RouterChange }, closed)
export const ChangeRoutes = Type.Object({ router: Type.Object({ routes: Routes }, closed) }, closed)
export const RouterInterface = Type.Object({ subnet_id: Type.Optional(uuid()), port_id: Type.Optional(uuid()) }, closed)

export type NewRouter = Static<typeof NewRouter>
export type RouterChange = Static<typeof RouterChange>
export type GatewayInfo = Static<typeof Gateway>
export type RouterInterface = Static<typeof RouterInterface>
export type ExtraRoute = Static<typeof Route>
