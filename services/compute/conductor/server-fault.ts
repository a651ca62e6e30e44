// Why an operation on a server failed, as its user reads it.
import type { TaskError } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { insertFault } from '../servers/store.ts'

const TOLD = ['NoValidHost', 'MaxRetriesExceeded', 'VirtualInterfaceTimeout', 'TaskCancelled', 'DeadlineExceeded']

/** Users read the sentence of a failure that is theirs or about capacity; of others the name, and admins the rest. */
export async function keepFault(compute: Compute, row: ServerRow, error: TaskError): Promise<void> {
  const { code = 'UnexpectedError', status = 500, message, mend } = error
  const isTold = status < 500 || TOLD.includes(code)
  const details = mend ? `${message} ${mend}` : message
  await insertFault(compute, row, { code: status, message: isTold ? message : code, details })
}
