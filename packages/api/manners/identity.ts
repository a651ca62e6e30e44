// Keystone's manners: `error` with code, message and title.
import type { Manners } from '../manners.ts'
import { statusTitle } from '../manners.ts'
import { repr } from '../python-text.ts'

export const identityManners: Manners = {
  service: 'identity',
  prefix: '/identity',
  requestIdHeaders: ['x-openstack-request-id'],
  bodyLimit: 114_688,
  wrongMethod: 405,
  envelope: (fault) => ({
    body: { error: { code: fault.status, message: fault.message, title: statusTitle(fault.status) } },
  }),
  invalid({ path, value, reason }) {
    const field = path.at(-1)
    return field === undefined ? reason : `Invalid input for field '${field}': ${reason} (value: ${repr(value)})`
  },
  denied: (rule) => `You are not authorized to perform the requested action: ${rule}.`,
}
