// Errors that any service may answer before its own code is reached. The service's manners word and wrap them.
import { faultsOf } from '@kilonova/base/fault'

const said = ({ message }: { message: string }): string => message

export const fault = faultsOf({
  Unauthorized: { status: 401, kind: '', say: () => 'The request you have made requires authentication.' },
  Denied: { status: 403, kind: '', say: said },
  NoSuchRoute: { status: 404, kind: '', say: () => 'The resource could not be found.' },
  WrongMethod: {
    status: 405,
    kind: '',
    say: ({ method }: { method: string }) => `The method ${method} is not allowed for this resource.`,
  },
  VersionNotSupported: {
    status: 406,
    kind: '',
    say: ({ asked, min, max }: { asked: string; min: string; max: string }) =>
      `Version ${asked} is not supported by the API. Minimum is ${min} and maximum is ${max}.`,
  },
  VersionMalformed: {
    status: 400,
    kind: '',
    say: ({ asked }: { asked: string }) =>
      `API Version String ${asked} is of invalid format. Must be of format MajorNum.MinorNum.`,
  },
  MediaTypeNotSupported: {
    status: 415,
    kind: '',
    say: ({ got, takes }: { got: string; takes: string }) =>
      `Unsupported Content-Type ${got}; this resource takes ${takes}.`,
  },
  MalformedBody: { status: 400, kind: '', say: () => 'Malformed request body' },
  NoSuchAction: {
    status: 400,
    kind: '',
    say: ({ action }: { action: string }) => `There is no such action: ${action}`,
  },
  BodyTooLarge: {
    status: 413,
    kind: '',
    say: ({ limit }: { limit: number }) => `Request is too large: at most ${limit} bytes.`,
  },
  WrongProject: {
    status: 400,
    kind: '',
    say: ({ url, token }: { url: string; token: string | null }) =>
      `Malformed request URL: URL's project_id '${url}' doesn't match Context's project_id '${token}'`,
  },
  KeyMalformed: {
    status: 400,
    kind: '',
    say: ({ most }: { most: number }) =>
      `The Idempotency-Key must be 1 to ${most} printable ASCII characters, in double quotes or without them; a new UUID for each request does well.`,
  },
  KeyNotTaken: {
    status: 400,
    kind: '',
    say: ({ method }: { method: string }) =>
      `This ${method} takes no Idempotency-Key: sent twice it is done twice. Send it without one.`,
  },
  KeyReused: {
    status: 422,
    kind: '',
    say: () =>
      'This Idempotency-Key was used for another request: the body, the query or the microversion was different. Send the request as it was, or a new one with a new key.',
  },
  Invalid: { status: 400, kind: '', say: said },
  Unexpected: {
    status: 500,
    kind: '',
    say: ({ requestId }: { requestId: string }) =>
      `Unexpected API Error. The operator finds its cause in the log under request id ${requestId}.`,
  },
  ShuttingDown: { status: 503, kind: '', say: () => 'The service is stopping; try again.' },
})
