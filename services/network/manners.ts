// Neutron's manners, with its own sentences for bodies that a schema refuses.
import type { Manners } from '@kilonova/api/manners'
import { networkManners } from '@kilonova/api/manners/network'

const MISSING = /^'(.+)' is a required property$/
/** The value at the head of a reason, such as `123 is not of type 'string'`. */
const WHOLE_BODY = /^\{.*\}(?= (?:is|does|has) )/s

export const manners: Manners = {
  ...networkManners,
  envelope: (fault, requestId) =>
    networkManners.envelope(
      fault.status === 403 && fault.kind === '' ? { ...fault, kind: 'PolicyNotAuthorized' } : fault,
      requestId,
    ),
  invalid(problem, where) {
    const missing = MISSING.exec(problem.reason)
    if (missing) return `Failed to parse request. Required attribute '${missing[1]}' not specified`
    const isObject = typeof problem.value === 'object' && problem.value !== null && !Array.isArray(problem.value)
    const unknown = problem.reason.startsWith('Additional properties')
    if (!isObject || unknown) return networkManners.invalid(problem, where)
    const reason = problem.reason.replace(WHOLE_BODY, 'The object')
    return `Invalid input for ${problem.path.at(-1) ?? where}. Reason: ${reason}.`
  },
}
