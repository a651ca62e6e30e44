// What the registry of tasks holds, for the command line, failpoints and documents.
import type { AnySaga } from './saga.ts'

/** `<task>.<step>` of all tasks, and `<task>.<step>.undo` of the steps with undo. */
export function stepNames(sagas: readonly AnySaga[]): string[] {
  return sagas.flatMap(({ name, steps }) =>
    steps.flatMap((step) => [`${name}.${step.name}`, ...(step.undo ? [`${name}.${step.name}.undo`] : [])]),
  )
}
