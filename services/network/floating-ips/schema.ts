// Bodies of floating IPs.
import { nullable, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { described, owned } from '../standard.ts'

const address = Type.String({ maxLength: 64 })

const fields = {
  ...described,
  port_id: Type.Optional(nullable(uuid())),
  fixed_ip_address: Type.Optional(nullable(address)),
}

const NewFloatingIp = Type.Object(
  {
    ...fields,
    ...owned,
    floating_network_id: uuid(),
    floating_ip_address: Type.Optional(nullable(address)),
    subnet_id: Type.Optional(nullable(uuid())),
  },
  closed,
)
const FloatingIpChange = Type.Object(fields, closed)

export const CreateFloatingIps = Type.Object(
  {
    floatingip: Type.Optional(NewFloatingIp),
    floatingips: Type.Optional(Type.Array(NewFloatingIp, { minItems: 1 })),
  },
  closed,
)
export const UpdateFloatingIp = Type.Object({ floatingip: FloatingIpChange }, closed)

export type NewFloatingIp = Static<typeof NewFloatingIp>
export type FloatingIpChange = Static<typeof FloatingIpChange>
