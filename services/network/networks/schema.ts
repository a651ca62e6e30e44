// Bodies of networks.
import { nullable } from '@kilonova/api/fields'
import { closed } from '@kilonova/api/versions'
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { named, owned } from '../standard.ts'

const provider = {
  'provider:network_type': Type.Optional(Type.String()),
  'provider:physical_network': Type.Optional(nullable(Type.String())),
  'provider:segmentation_id': Type.Optional(nullable(Type.Integer())),
}

const fields = {
  ...named,
  admin_state_up: Type.Optional(Type.Boolean()),
  shared: Type.Optional(Type.Boolean()),
  'router:external': Type.Optional(Type.Boolean()),
  mtu: Type.Optional(Type.Integer({ minimum: 0 })),
  port_security_enabled: Type.Optional(Type.Boolean()),
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
