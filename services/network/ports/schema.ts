// Bodies of ports.
import { convertedBoolean, nullable, oneOf, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { named, owned } from '../standard.ts'

const MAC = '^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$'

const FixedIp = Type.Object(
  { subnet_id: Type.Optional(uuid()), ip_address: Type.Optional(Type.String({ maxLength: 64 })) },
  closed,
)
const AddressPair = Type.Object(
  {
    ip_address: Type.String({ maxLength: 64 }),
    mac_address: Type.Optional(nullable(Type.String({ pattern: MAC }))),
  },
  closed,
)
const DhcpOption = Type.Object(
  {
    opt_name: Type.String({ pattern: '^[A-Za-z0-9:_.-]{1,64}$' }),
    opt_value: nullable(Type.String({ maxLength: 255, pattern: '^[^\\x00-\\x1f\\x7f]*$' })),
    ip_version: Type.Optional(Type.Union([Type.Literal(4), Type.Literal(6)])),
  },
  closed,
)

const fields = {
  ...named,
  admin_state_up: Type.Optional(convertedBoolean()),
  mac_address: Type.Optional(nullable(Type.String({ pattern: MAC }))),
  fixed_ips: Type.Optional(nullable(Type.Array(FixedIp))),
  device_id: Type.Optional(Type.String({ maxLength: 255 })),
  device_owner: Type.Optional(Type.String({ maxLength: 255 })),
  security_groups: Type.Optional(nullable(Type.Array(uuid()))),
  allowed_address_pairs: Type.Optional(nullable(Type.Array(AddressPair))),
  port_security_enabled: Type.Optional(convertedBoolean()),
  extra_dhcp_opts: Type.Optional(nullable(Type.Array(DhcpOption, { maxItems: 20 }))),
  'binding:host_id': Type.Optional(nullable(Type.String({ maxLength: 255 }))),
  'binding:vnic_type': Type.Optional(oneOf(['normal'])),
  'binding:profile': Type.Optional(nullable(Type.Record(Type.String(), Type.Unknown()))),
}

const NewPort = Type.Object({ ...fields, ...owned, network_id: uuid() }, closed)
const PortChange = Type.Object(fields, closed)

export const CreatePorts = Type.Object(
  { port: Type.Optional(NewPort), ports: Type.Optional(Type.Array(NewPort, { minItems: 1 })) },
  closed,
)
export const UpdatePort = Type.Object({ port: PortChange }, closed)

export type NewPort = Static<typeof NewPort>
export type PortChange = Static<typeof PortChange>
