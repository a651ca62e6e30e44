// Every error of the task engine that a caller may see.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'
import type { Resource } from './saga.ts'

export const taskFaults = {
  TaskConflict: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ resource, running, taskId }: { resource: Resource; running: string; taskId: string }) =>
      `${resource.type} ${resource.id} is busy with ${running} (task ${taskId})`,
    mend: ({ running }) => `wait until ${running} has ended, then ask again`,
  },
  TaskNotFound: {
    status: 404,
    kind: 'itemNotFound',
    say: ({ id }: { id: string }) => `Task ${id} could not be found.`,
  },
  TaskNotStuck: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id, state }: { id: string; state: string }) => `Task ${id} is ${state}; only a stuck one can be retried.`,
  },
  TaskCancelled: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ task, why }: { task: string; why: string }) => `${task} was cancelled: ${why}`,
  },
  StepTimeout: {
    status: 504,
    kind: 'timeout',
    say: ({ step, seconds }: { step: string; seconds: number }) => `${step} did not end within ${seconds} s`,
  },
  DeadlineExceeded: {
    status: 504,
    kind: 'timeout',
    say: ({ task, seconds, step, reason }: { task: string; seconds: number; step: string; reason: string | null }) =>
      `${task} did not end within ${seconds} s; it was at ${step}${reason ? ` (${reason})` : ''}`,
  },
} satisfies FaultTable

export const fault = faultsOf(taskFaults)
