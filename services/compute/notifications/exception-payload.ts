// Why something failed, as notifications say it.
import type { NovaObject } from './nova-object.ts'
import { novaObject } from './nova-object.ts'

/** A fault, or the message of an unexpected error. */
export interface Failure {
  code?: string
  status?: number
  message: string
}

/** Where it was raised is given as the piece of work that failed: code has no traceback across processes. */
export function exceptionPayload({ code, message }: Failure, work: string): NovaObject {
  return novaObject('ExceptionPayload', '1.1', {
    function_name: work,
    module_name: 'kilonova.compute',
    exception: code ?? 'Error',
    exception_message: message,
    traceback: '',
  })
}

/** The keys that a failure adds to unversioned notifications. */
export function unversionedFailure({ code, status, message }: Failure): Record<string, unknown> {
  const name = code ?? 'Error'
  return { fault: name, exception: { kwargs: {}, message, name }, code: status ?? 500, message }
}
