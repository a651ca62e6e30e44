// The body that asks for an interface.
import { uuid } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { since } from '@kilonova/api/versions'

const O = Type.Optional
const closed = { additionalProperties: false }
const address = Type.Unsafe<string>({ anyOf: [{ format: 'ipv4' }, { format: 'ipv6' }] })

export const AttachInterface = Type.Object(
  {
    interfaceAttachment: Type.Object(
      {
        net_id: O(uuid()),
        port_id: O(uuid()),
        fixed_ips: O(Type.Array(Type.Object({ ip_address: address }, closed), { minItems: 1, maxItems: 1 })),
        tag: O(Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$', ...since('2.49') })),
      },
      closed,
    ),
  },
  closed,
)
export type AttachInterface = Static<typeof AttachInterface>
