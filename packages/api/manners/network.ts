// Neutron's manners: `NeutronError` with the exception's type.
import type { FaultOnWire } from '@kilonova/base/fault'
import type { Manners } from '../manners.ts'
import { statusTitle } from '../manners.ts'
import { repr } from '../python-text.ts'

function typeOf(fault: FaultOnWire): string {
  return fault.kind || `HTTP${statusTitle(fault.status).replaceAll(' ', '')}`
}

export const networkManners: Manners = {
  service: 'network',
  prefix: '/network',
  requestIdHeaders: ['x-openstack-request-id'],
  bodyLimit: 1_048_576,
  wrongMethod: 404,
  rewrite: (path) => ({ path: path.replace(/\.json$/, '') }),
  envelope: (fault) => ({ body: { NeutronError: { type: typeOf(fault), message: fault.message, detail: '' } } }),
  invalid({ path, value, reason }) {
    const field = path.at(-1)
    const unknown = /\(((?:'[^']*'(?:, )?)+) (?:was|were) unexpected\)/.exec(reason)
    if (unknown) return `Unrecognized attribute(s) '${unknown[1]!.replaceAll("'", '')}'`
    return field === undefined ? reason : `Invalid input for ${field}. Reason: ${reason} (value: ${repr(value)}).`
  },
  denied: (rule) => `rule:${rule} is disallowed by policy`,
}
