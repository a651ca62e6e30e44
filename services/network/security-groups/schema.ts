// Bodies of security groups and their rules.
import { convertedBoolean, convertedInteger, nullable, oneOf } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { described, named, owned } from '../standard.ts'

const NewGroup = Type.Object({ ...named, ...owned, stateful: Type.Optional(convertedBoolean()) }, closed)
const GroupChange = Type.Object({ ...named, stateful: Type.Optional(convertedBoolean()) }, closed)

export const CreateGroups = Type.Object(
  { security_group: Type.Optional(NewGroup), security_groups: Type.Optional(Type.Array(NewGroup, { minItems: 1 })) },
  closed,
)
export const UpdateGroup = Type.Object({ security_group: GroupChange }, closed)

const number = Type.Optional(nullable(convertedInteger()))

const NewRule = Type.Object(
  {
    ...described,
    ...owned,
    security_group_id: Type.String({ format: 'uuid' }),
    direction: oneOf(['ingress', 'egress']),
    ethertype: Type.Optional(oneOf(['IPv4', 'IPv6', 'ipv4', 'ipv6'])),
    protocol: Type.Optional(nullable(Type.Union([Type.String(), Type.Integer()]))),
    port_range_min: number,
    port_range_max: number,
    remote_ip_prefix: Type.Optional(nullable(Type.String())),
    remote_group_id: Type.Optional(nullable(Type.String({ format: 'uuid' }))),
  },
  closed,
)

export const CreateRules = Type.Object(
  {
    security_group_rule: Type.Optional(NewRule),
    security_group_rules: Type.Optional(Type.Array(NewRule, { minItems: 1 })),
  },
  closed,
)

export type NewGroup = Static<typeof NewGroup>
export type GroupChange = Static<typeof GroupChange>
export type NewRule = Static<typeof NewRule>
