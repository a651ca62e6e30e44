// The body of events that other services tell of servers; each name knows its versions.
import { oneOf, uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, since, until } from '@kilonova/api/versions'

const OF_NETWORK = ['network-changed', 'network-vif-plugged', 'network-vif-unplugged', 'network-vif-deleted'] as const
const SINCE_2_51 = [...OF_NETWORK, 'volume-extended'] as const
const SINCE_2_76 = [...SINCE_2_51, 'power-update'] as const
const SINCE_2_82 = [...SINCE_2_76, 'accelerator-request-bound'] as const
const SINCE_2_93 = [...SINCE_2_82, 'volume-reimaged'] as const

const between = (first: string, last: string) => ({ ...since(first), ...until(last) })

const ExternalEvent = Type.Object(
  {
    name: Type.Union([
      oneOf(OF_NETWORK, until('2.50')),
      oneOf(SINCE_2_51, between('2.51', '2.75')),
      oneOf(SINCE_2_76, between('2.76', '2.81')),
      oneOf(SINCE_2_82, between('2.82', '2.92')),
      oneOf(SINCE_2_93, since('2.93')),
    ]),
    server_uuid: uuid(),
    status: Type.Optional(oneOf(['failed', 'completed', 'in-progress'])),
    tag: Type.Optional(Type.String({ maxLength: 255 })),
  },
  closed,
)
export type ExternalEvent = Static<typeof ExternalEvent>

export const CreateExternalEvents = Type.Object({ events: Type.Array(ExternalEvent, { minItems: 1 }) }, closed)
