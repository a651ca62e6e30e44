// How Kilonova's own API speaks: no versions in headers, one shape of error.
import type { Manners } from '@kilonova/api/manners'
import { invalidSentence } from '@kilonova/api/manners'

export const operatorManners: Manners = {
  service: 'kilonova',
  prefix: '/kilonova',
  requestIdHeaders: ['x-openstack-request-id'],
  bodyLimit: 65_536,
  wrongMethod: 405,
  envelope: ({ code, message, mend }, requestId) => ({
    body: { error: { code, message, ...(mend === undefined ? {} : { mend }), request_id: requestId } },
  }),
  invalid: invalidSentence,
  denied: (rule) => `Policy does not allow ${rule} to be performed: it takes an admin.`,
}
