// How a command ends badly: what, why, what to do, on stderr; the exit code follows the fault's status.
import { errorChain, isFault } from '@kilonova/base/fault'

const FAILED = 1
const CODES: Record<number, number> = { 400: 2, 404: 3, 409: 4, 507: 5 }

/** Writes the error; returns the exit code. */
export function fail(error: unknown): number {
  const write = (text: string): void => void process.stderr.write(`${text}\n`)
  if (!isFault(error)) {
    write(`kilonova: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return FAILED
  }
  write(`kilonova: ${error.message}`)
  if (error.cause !== undefined) write(`  why: ${errorChain(error.cause)}`)
  if (error.mend) write(`  what to do: ${error.mend}`)
  const requestId = (error.details as { requestId?: string } | undefined)?.requestId
  if (requestId) write(`  request id: ${requestId}`)
  return error.code === 'NoValidHost' ? 5 : (CODES[error.status] ?? FAILED)
}
