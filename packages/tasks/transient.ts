// Which errors may go away by themselves.
import { isFault } from '@kilonova/base/fault'
import { isOutOfSpace } from '@kilonova/store/store'

const TRANSIENT_FAULTS = ['Unreachable', 'BusTimeout']

const CONNECTION_CODES = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'],
  // PostgreSQL: too many connections, shutting down, crashed, starting, read-only after a fail-over
  ...['53300', '57P01', '57P02', '57P03', '25006'],
  // PostgreSQL: serialization failure and deadlock that outlasted the store's own retries
  ...['40001', '40P01'],
])
const CONNECTION_TEXT =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|database is locked)/

/** True when the store could not be reached or had no room: the same statement may work later. */
export function isStoreTrouble(error: unknown): boolean {
  if (isOutOfSpace(error)) return true
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = 'code' in at ? String(at.code) : ''
    if (isSocketGone(at) || CONNECTION_CODES.has(code) || code.startsWith('08') || CONNECTION_TEXT.test(at.message))
      return true
  }
  return false
}

/** A server that stops takes its unix socket away. */
function isSocketGone(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT' && error.syscall === 'connect'
}

/** True when a step that threw this is worth another attempt. */
export function isTransient(error: unknown): boolean {
  if (!isFault(error)) return isStoreTrouble(error)
  if (TRANSIENT_FAULTS.includes(error.code)) return true
  const { details } = error
  return typeof details === 'object' && details !== null && 'transient' in details && details.transient === true
}
