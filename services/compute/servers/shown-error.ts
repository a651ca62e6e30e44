// What users read of a failure: its sentence when it is theirs or about capacity, else only its name.
import type { TaskError } from '@kilonova/tasks/saga'

const TOLD = ['NoValidHost', 'MaxRetriesExceeded', 'VirtualInterfaceTimeout', 'TaskCancelled', 'DeadlineExceeded']

export function shownError({ code = 'UnexpectedError', status = 500, message }: TaskError): string {
  return status < 500 || TOLD.includes(code) ? message : code
}
