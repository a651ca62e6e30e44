// A task as a list of steps with undo. Declaring one runs nothing; `Tasks` stores and runs it.
import type { RequestContext } from '@kilonova/base/context'
import type { FaultOnWire } from '@kilonova/base/fault'

/** What a task is about: `{ type: 'server', id }`. */
export interface Resource {
  readonly type: string
  readonly id: string
}

export interface TaskOptions<Input> {
  /** What the task is about; tasks of one resource exclude each other when they mutate it. */
  resource?: (input: Input) => Resource
  /** At most one live mutating task per resource. Default true. */
  mutates?: boolean
  /** Seconds from its start, or its last start over, after which a task is undone. Default 3600. */
  deadline?: number
}

/** A task's name and input: all that is needed to ask for it. */
export interface TaskKind<Input> {
  readonly name: string
  readonly deadline: number
  /** False when it has no resource. */
  readonly mutates: boolean
  resourceOf(input: Input): Resource | null
}

const TASK_NAME = /^[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+$/
const STEP_NAME = /^[a-z][a-zA-Z0-9-]*$/

/** Declares a task that can be asked for without loading its steps; `saga` takes it in place of a name. */
export function taskKind<Input>(name: string, options: TaskOptions<Input> = {}): TaskKind<Input> {
  if (!TASK_NAME.test(name)) throw new Error(`a task's name is noun.verb in small letters, not '${name}'`)
  const { resource, mutates = true, deadline = 3600 } = options
  return {
    name,
    deadline,
    mutates: mutates && resource !== undefined,
    resourceOf: (input) => resource?.(input) ?? null,
  }
}

/** Why a task failed: a fault as it crosses process borders, or only the message of an unexpected error. */
export type TaskError = Partial<FaultOnWire> & { readonly message: string }

/** What a step sees. `done` holds the results of the steps before it, as they come back from JSON. */
export interface Run<Input, Done, Deps> {
  readonly input: Input
  readonly done: Done
  readonly deps: Deps
  /** Of the request that asked for the task. */
  readonly context: RequestContext
  readonly taskId: string
  /** 1, and one more each time the task starts over. */
  readonly attempt: number
  /** Aborts when the step's time is up, the task is cancelled, or another process has taken it over. */
  readonly signal: AbortSignal
}

/** What `do` sees besides. */
export interface StepRun<Input, Done, Deps> extends Run<Input, Done, Deps> {
  /** Seconds since the step began first, however often it ran; no step of the wall clock moves it. */
  readonly waited: number
  /** How often the step has failed since it began, or since it returned `later`. */
  readonly tries: number
}

export interface UndoRun<Input, Done, Deps> extends Run<Input, Done, Deps> {
  /** What the task is undone for. */
  readonly error: TaskError
}

/** Returned from a step: look again later, without holding a worker meanwhile. */
export class Later {
  readonly seconds: number
  readonly why: string | undefined

  constructor(seconds: number, why: string | undefined) {
    this.seconds = seconds
    this.why = why
  }
}

/** Runs this step again after `seconds`, or at the next nudge. `why` is shown in lists of tasks. */
export function later(seconds: number, why?: string): Later {
  return new Later(seconds, why)
}

/** Thrown by a step: see `startOver`. */
export class StartOver extends Error {
  readonly input: unknown

  constructor(input: unknown, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.name = 'StartOver'
    this.input = input
  }
}

/** `throw startOver(…)`: undo everything, then run again from the first step with the new input. */
export function startOver<Input>(newInput: Input, cause: unknown): StartOver {
  return new StartOver(newInput, cause)
}

export interface RetryOptions {
  /** Attempts at most. Default: until the task's deadline. */
  tries?: number
  /** Seconds before the second attempt; doubles each time. Default 0.5. */
  first?: number
  /** Seconds between attempts at most. Default 30. */
  most?: number
}

/** A step's result as it is stored: JSON has no undefined. */
// biome-ignore lint/suspicious/noConfusingVoidType: a step may return nothing
export type Kept<Result> = Result extends void | undefined ? null : Result

export interface StepDefinition<Input, Done, Deps, Name extends string, Result> {
  /** May run twice. Its result is plain data. */
  do: (run: StepRun<Input, Done, Deps>) => Promise<Result | Later> | Result | Later
  /** May run twice; may run though `do` never finished, or never began. */
  undo?: (run: UndoRun<Input, Done & { readonly [Key in Name]?: Kept<Result> }, Deps>) => unknown
  /** Seconds for one run of `do` or `undo`. Default 600. */
  timeout?: number
  /** For transient errors of `do`; false: never again. */
  retry?: RetryOptions | false
}

export interface EndDefinition<Input, Done, Deps> {
  /** Runs inside the transaction that ends the task; only touches the store. */
  done?: (run: Run<Input, Done, Deps>) => unknown
  /** Likewise, after everything was undone. */
  undone?: (run: UndoRun<Input, Partial<Done>, Deps>) => unknown
}

/** What is recorded of a task; times are milliseconds since 1970 by the store's clock. */
export type TaskEvent =
  | { readonly kind: 'task-started'; readonly at: number }
  | { readonly kind: 'step-started'; readonly at: number; readonly step: string; readonly direction: Direction }
  | { readonly kind: 'step-finished'; readonly at: number; readonly step: string; readonly direction: Direction }
  | { readonly kind: 'step-failed'; readonly at: number; readonly step: string; readonly error: TaskError }
  | { readonly kind: 'task-restarted'; readonly at: number; readonly error: TaskError }
  | { readonly kind: 'task-done'; readonly at: number }
  | { readonly kind: 'task-undone'; readonly at: number; readonly error: TaskError }
  | { readonly kind: 'task-stuck'; readonly at: number; readonly error: TaskError }

export type Direction = 'do' | 'undo'

export interface SagaOptions<Input, Deps> extends TaskOptions<Input> {
  /**
   * Called once for each event, inside the transaction that records it; only touches the store. Of the task's end it
   * is told after `done` or `undone` has run.
   * A step that is resumed or repeated is not started again.
   */
  observe?: (event: TaskEvent, run: Omit<Run<Input, Record<string, unknown>, Deps>, 'signal'>) => unknown
}

// biome-ignore lint/suspicious/noExplicitAny: each step sees the results of the steps before it
export type AnyStep = { readonly name: string } & StepDefinition<any, any, any, string, unknown>

/** A complete task: `Tasks` runs it with dependencies of type `Deps`. */
export interface Saga<Input, Deps> extends TaskKind<Input> {
  readonly steps: readonly AnyStep[]
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly ends: EndDefinition<Input, any, Deps>
  readonly observe: SagaOptions<Input, Deps>['observe']
}

// biome-ignore lint/suspicious/noExplicitAny: a registry holds tasks of every input
export type AnySaga<Deps = any> = Saga<any, Deps>

/** A saga being written; each call makes a new one. */
export interface SagaBuilder<Input, Deps, Done> {
  /** Adds a step. Its result is `done[name]` for the steps after it. */
  step<Name extends string, Result>(
    name: Name extends keyof Done ? never : Name,
    definition: StepDefinition<Input, Done, Deps, Name, Result>,
  ): SagaBuilder<Input, Deps, Done & { readonly [Key in Name]: Kept<Result> }>
  end(ends?: EndDefinition<Input, Done, Deps>): Saga<Input, Deps>
}

/** Begins a saga, from a name and options or from a task declared with `taskKind`. */
export function saga<Input, Deps>(
  task: string | TaskKind<Input>,
  options: SagaOptions<Input, Deps> = {},
): SagaBuilder<Input, Deps, Record<never, never>> {
  const kind = typeof task === 'string' ? taskKind(task, options) : task
  return builder<Input, Deps, Record<never, never>>(kind, [], options.observe)
}

function builder<Input, Deps, Done>(
  kind: TaskKind<Input>,
  steps: readonly AnyStep[],
  observe: SagaOptions<Input, Deps>['observe'],
): SagaBuilder<Input, Deps, Done> {
  return {
    step(name, definition) {
      if (!STEP_NAME.test(name) || name === 'undo') throw new Error(`${kind.name}: '${name}' is no name for a step`)
      if (steps.some((other) => other.name === name)) throw new Error(`${kind.name} has two steps named '${name}'`)
      return builder(kind, [...steps, { name, ...definition } as AnyStep], observe)
    },
    end(ends = {}) {
      if (steps.length === 0) throw new Error(`${kind.name} has no steps`)
      return { ...kind, steps, ends, observe }
    },
  }
}
