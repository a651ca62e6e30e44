// Glance's manners: message, code and title at the top.
import type { Manners } from '../manners.ts'
import { statusTitle } from '../manners.ts'
import { str } from '../python-text.ts'

export const imageManners: Manners = {
  service: 'image',
  prefix: '/image',
  requestIdHeaders: ['x-openstack-request-id'],
  bodyLimit: 1_048_576,
  wrongMethod: 405,
  envelope(fault) {
    const code = `${fault.status} ${statusTitle(fault.status)}`
    return { body: { message: fault.message, code, title: statusTitle(fault.status) } }
  },
  invalid({ path, value, reason }) {
    const field = path.at(-1)
    return field === undefined
      ? reason
      : `Provided object does not match schema 'image': ${reason} (${field}: ${str(value)})`
  },
  denied: () => 'You are not authorized to complete this action.',
}
