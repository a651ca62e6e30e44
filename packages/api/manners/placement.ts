// Placement's manners: microversions without a legacy header, a list of errors with codes.
import type { FaultOnWire } from '@kilonova/base/fault'
import type { Manners } from '../manners.ts'
import { statusTitle } from '../manners.ts'

function envelope(fault: FaultOnWire, requestId: string): { body: unknown } {
  const { status, message: detail } = fault
  const code = fault.kind || 'placement.undefined_code'
  return { body: { errors: [{ status, title: statusTitle(status), detail, code, request_id: requestId }] } }
}

export function placementManners(versions: { min: string; max: string }): Manners {
  return {
    service: 'placement',
    prefix: '/placement',
    versions: { type: 'placement', ...versions },
    requestIdHeaders: ['x-openstack-request-id'],
    bodyLimit: 4_194_304,
    wrongMethod: 405,
    envelope,
    invalid: ({ path, reason }, where) =>
      where === 'query' ? `Invalid query string parameters: ${reason}` : `JSON does not validate: ${reason}${at(path)}`,
    denied: (rule) => `Policy doesn't allow ${rule} to be performed.`,
  }
}

function at(path: string[]): string {
  return path.length === 0 ? '' : ` at ${path.join('/')}`
}
