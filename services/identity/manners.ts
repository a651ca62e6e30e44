// Keystone's manners, with refused values kept out of the sentence where a secret may stand.
import type { Manners } from '@kilonova/api/manners'
import { identityManners } from '@kilonova/api/manners/identity'

const SECRETS = ['auth', 'password', 'original_password']
/** The value at the head of a reason, such as `123 is not of type 'string'`. */
const VALUE = /^.*(?= (?:is|does|has) )/s

export const manners: Manners = {
  ...identityManners,
  invalid({ path, value, reason }) {
    const isSecret = path.some((name) => SECRETS.includes(name)) || (typeof value === 'object' && value !== null)
    const namesOnly = reason.endsWith('is a required property') || reason.startsWith('Additional properties')
    const shown = isSecret && !namesOnly ? reason.replace(VALUE, '***') : reason
    return path.length === 0 ? shown : `Invalid input for field '${path.join('/')}': ${shown}`
  },
}
