// Every error that identity answers, in Keystone's words.
import { faultsOf } from '@kilonova/base/fault'

interface Kind {
  type: string
}
const missing = (what: string) => ({
  status: 404,
  kind: '',
  say: ({ id }: { id: string }) => `Could not find ${what}: ${id}.`,
})
const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. ' +
  'The client is assumed to be in error.'

export const fault = faultsOf({
  /** One sentence for every reason, so that nothing can be learnt from it. */
  Unauthorized: { status: 401, kind: '', say: () => 'The request you have made requires authentication.' },
  AuthMethodNotSupported: {
    status: 401,
    kind: '',
    say: () => 'Attempted to authenticate with an unsupported method.',
  },
  TooManyAttempts: {
    status: 429,
    kind: '',
    say: () => 'Too many failed login attempts.',
    mend: () => 'Wait a minute, then log in with the right password.',
  },
  TooBusy: {
    status: 503,
    kind: '',
    say: () => 'Too many logins are being checked at once; try again.',
  },
  TokenNotFound: { status: 404, kind: '', say: () => 'Could not find token.' },
  Forbidden: { status: 403, kind: '', say: ({ message }: { message: string }) => message },
  Invalid: { status: 400, kind: '', say: ({ message }: { message: string }) => message },
  Expecting: {
    status: 400,
    kind: '',
    say: ({ attribute, target }: { attribute: string; target: string }) =>
      `Expecting to find ${attribute} in ${target}. ${MALFORMED}`,
  },
  Conflict: {
    status: 409,
    kind: '',
    say: ({ type, details }: Kind & { details: string }) =>
      `Conflict occurred attempting to store ${type} - ${details}.`,
  },
  Immutable: {
    status: 403,
    kind: '',
    say: ({ type, id, verb }: Kind & { id: string; verb: 'update' | 'delete' }) =>
      `Unable to ${verb} immutable ${type} resource: \`${id}. Set resource option 'immutable' to false first.`,
  },
  DomainNotFound: missing('domain'),
  ProjectNotFound: missing('project'),
  TagNotFound: missing('project tag'),
  UserNotFound: missing('user'),
  GroupNotFound: missing('group'),
  MembershipNotFound: {
    status: 404,
    kind: '',
    say: ({ userId, groupId }: { userId: string; groupId: string }) =>
      `User '${userId}' not found in group '${groupId}'.`,
  },
  RoleNotFound: missing('role'),
  ImpliedRoleNotFound: {
    status: 404,
    kind: '',
    say: ({ prior, implied }: { prior: string; implied: string }) => `${prior} does not imply ${implied}.`,
  },
  AssignmentNotFound: {
    status: 404,
    kind: '',
    say: ({ role, actor, target }: { role: string; actor: string; target: string }) =>
      `Could not find role assignment with role: ${role}, user or group: ${actor}, project, domain, or system: ${target}.`,
  },
  RegionNotFound: missing('region'),
  ServiceNotFound: missing('service'),
  EndpointNotFound: missing('endpoint'),
})

/** The conflict of a second thing with the same name. */
export function duplicate(type: string, name: string, domainId?: string, cause?: unknown) {
  const where = domainId ? ` at domain ID ${domainId}` : ''
  return fault('Conflict', { type, details: `Duplicate entry found with name ${name}${where}` }, cause)
}
