// Bodies of networks.
import { convertedBoolean, convertedInteger, nullable } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { named, owned } from '../standard.ts'

const provider = {
  'provider:network_type': Type.Optional(Type.String()),
  'provider:physical_network': Type.Optional(nullable(Type.String())),
  'provider:segmentation_id': Type.Optional(nullable(convertedInteger())),
}

const fields = {
  ...named,
  admin_state_up: Type.Optional(convertedBoolean()),
  shared: Type.Optional(convertedBoolean()),
  'router:external': Type.Optional(convertedBoolean()),
  mtu: Type.Optional(convertedInteger({ least: 0 })),
  port_security_enabled: Type.Optional(convertedBoolean()),
  ...provider,
}

const NewNetwork = Type.Object(
  { ...fields, ...owned, availability_zone_hints: Type.Optional(Type.Array(Type.String())) },
  closed,
)
const NetworkChange = Type.Object(fields, closed)

export const CreateNetworks = Type.Object(
  { network: Type.Optional(NewNetwork), networks: Type.Optional(Type.Array(NewNetwork, { minItems: 1 })) },
  closed,
)
export const UpdateNetwork = Type.Object({ network: NetworkChange }, closed)

export type NewNetwork = Static<typeof NewNetwork>
export type NetworkChange = Static<typeof NetworkChange>
