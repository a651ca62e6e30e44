// Why an operation on a server failed, as its user reads it; admins read the rest.
import type { TaskError } from '@kilonova/tasks/saga'
import type { Compute } from '../compute.ts'
import type { ServerRow } from '../schema/tables.ts'
import { shownError } from '../servers/shown-error.ts'
import { insertFault } from '../servers/store.ts'

export async function keepFault(compute: Compute, row: ServerRow, error: TaskError): Promise<void> {
  const { status = 500, message, mend } = error
  const details = mend ? `${message} ${mend}` : message
  await insertFault(compute, row, { code: status, message: shownError(error), details })
}
