// Bodies of subnets.
import { convertedBoolean, nullable, oneOf, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { named, owned } from '../standard.ts'

const address = Type.String({ maxLength: 64 })
const Pool = Type.Object({ start: address, end: address }, closed)
const Route = Type.Object({ destination: address, nexthop: address }, closed)

const fields = {
  ...named,
  gateway_ip: Type.Optional(nullable(address)),
  enable_dhcp: Type.Optional(convertedBoolean()),
  allocation_pools: Type.Optional(nullable(Type.Array(Pool, { maxItems: 100 }))),
  dns_nameservers: Type.Optional(nullable(Type.Array(address))),
  host_routes: Type.Optional(nullable(Type.Array(Route))),
}

const mode = Type.Optional(nullable(oneOf(['slaac', 'dhcpv6-stateful', 'dhcpv6-stateless'])))

const NewSubnet = Type.Object(
  {
    ...fields,
    ...owned,
    network_id: uuid(),
    ip_version: Type.Union([Type.Literal(4), Type.Literal(6)]),
    cidr: address,
    ipv6_address_mode: mode,
    ipv6_ra_mode: mode,
  },
  closed,
)
const SubnetChange = Type.Object(fields, closed)

export const CreateSubnets = Type.Object(
  { subnet: Type.Optional(NewSubnet), subnets: Type.Optional(Type.Array(NewSubnet, { minItems: 1 })) },
  closed,
)
export const UpdateSubnet = Type.Object({ subnet: SubnetChange }, closed)

export type NewSubnet = Static<typeof NewSubnet>
export type SubnetChange = Static<typeof SubnetChange>
