// The names of all steps of all tasks, as KILONOVA_FAILPOINT takes them.
import { conductorSagas } from '@kilonova/compute/conductor/sagas'
import { stepNames } from '@kilonova/tasks/describe'

export function allStepNames(): string[] {
  return stepNames(conductorSagas)
}
