// Nova's manners: microversions, one-key faults, project ids in paths, the /v2 compatibility mode.
import type { FaultOnWire } from '@kilonova/base/fault'
import type { Manners, Rewritten } from '../manners.ts'
import { invalidSentence } from '../manners.ts'

const KINDS: Record<number, string> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
}

const BODY_LIMIT = 114_688
const WITH_PROJECT = /^\/(v2\.1|v2)\/([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(\/.*)$/

function rewrite(path: string): Rewritten {
  const match = WITH_PROJECT.exec(path)
  const plain = match ? `/${match[1]}${match[3]}` : path
  const legacy = /^\/v2\/[^/]/.test(plain) // /v2 alone is the document of that version
  const current = legacy ? plain.replace(/^\/v2/, '/v2.1') : plain
  return {
    path: current.replace(/\.json$/, ''),
    ...(match ? { projectId: match[2]! } : {}),
    ...(legacy ? { legacy } : {}),
  }
}

function envelope(fault: FaultOnWire): { body: unknown } {
  const kind = fault.kind || (KINDS[fault.status] ?? 'computeFault')
  return { body: { [kind]: { code: fault.status, message: fault.message } } }
}

export function computeManners(versions: { min: string; max: string }): Manners {
  return {
    service: 'compute',
    prefix: '/compute',
    versions: { type: 'compute', legacyHeader: 'X-OpenStack-Nova-API-Version', ...versions },
    requestIdHeaders: ['x-compute-request-id', 'x-openstack-request-id'],
    bodyLimit: BODY_LIMIT,
    wrongMethod: 404,
    projectScopeOnly: true,
    rewrite,
    envelope,
    invalid: invalidSentence,
    denied: (rule) => `Policy doesn't allow os_compute_api:${rule} to be performed.`,
  }
}
