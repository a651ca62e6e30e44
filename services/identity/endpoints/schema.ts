// Bodies of endpoints. Keys that are not named here are kept and shown as they are.
import { nullable, oneOf } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { idText } from '../identity-route.ts'

const region = Type.Optional(nullable(Type.String({ maxLength: 255 })))
const side = oneOf(['public', 'internal', 'admin'])
const url = Type.String({ minLength: 1, maxLength: 225, pattern: '^(https?://|%\\(base_url\\)s)' })
const fields = { region_id: region, region, enabled: Type.Optional(Type.Boolean()) }

export const CreateEndpoint = Type.Object({
  endpoint: Type.Object({ ...fields, interface: side, service_id: idText, url }),
})

export const UpdateEndpoint = Type.Object({
  endpoint: Type.Object(
    {
      ...fields,
      interface: Type.Optional(side),
      service_id: Type.Optional(idText),
      url: Type.Optional(url),
    },
    { minProperties: 1 },
  ),
})
