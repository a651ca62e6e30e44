// Every step × every fault: proves of each task in the registry that it ends well whatever happens at its steps.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { seededRandom } from '@kilonova/base/random'
import type { Store } from '@kilonova/store/store'
import type { FailpointFault, FailpointPlace } from './failpoints.ts'
import { FAILPOINT_FAULTS, FAILPOINT_PLACES, Failpoints } from './failpoints.ts'
import type { AnySaga, AnyStep, Direction } from './saga.ts'
import type { Task } from './task.ts'
import type { TasksOptions } from './tasks.ts'
import { Tasks } from './tasks.ts'

/** One fault at one place. */
export interface FaultCase {
  readonly task: string
  readonly step: string
  readonly direction: Direction
  readonly place: FailpointPlace
  readonly fault: FailpointFault
  /** As KILONOVA_FAILPOINT takes it; for an undo, with the failure that causes it. */
  readonly failpoint: string
}

/** A fresh cloud, or as much of one as the tasks need, for one case. */
export interface FaultWorld<Deps> {
  readonly store: Store
  readonly deps: Deps
  /** The clock that its parts use, if they need one; the kit moves it. */
  readonly clock?: VirtualClock
  /** Makes what the task needs (tasks may run for that), asks for it as its caller would, returns its id at once. */
  begin(tasks: Tasks<Deps>, task: string): Promise<string>
  /** Throws if an invariant is broken, now that the task has ended. */
  check(task: Task): unknown
  /** All that exists, as plain data: what a second recovery must leave as it is. */
  snapshot(): unknown
  /** What else runs after a restart, such as reconcilers. */
  recover?(tasks: Tasks<Deps>): unknown
  close(): unknown
}

export interface FaultMatrixOptions<Deps> {
  readonly sagas: readonly AnySaga<Deps>[]
  makeWorld(kase: FaultCase): Promise<FaultWorld<Deps>> | FaultWorld<Deps>
  /** Cases to leave out or to look at alone. */
  only?(kase: FaultCase): boolean
  readonly options?: Partial<TasksOptions<Deps>>
}

/** Virtual time in which a task must have ended. */
const MOST_HOURS = 48
/** Turns of the event loop in which work that waits for nothing gets done. */
const QUICK_TURNS = 30

/** All cases of the given tasks. */
export function faultCases(sagas: readonly AnySaga[]): FaultCase[] {
  return sagas.flatMap((saga) =>
    saga.steps.flatMap((step) => [
      ...casesOf(saga, step, 'do'),
      ...(step.undo === undefined ? [] : casesOf(saga, step, 'undo')),
    ]),
  )
}

function casesOf({ name: task, steps }: AnySaga, { name: step }: AnyStep, direction: Direction): FaultCase[] {
  const at = direction === 'do' ? `${task}.${step}` : `${task}.${step}.undo`
  const cause = direction === 'do' ? '' : `${task}.${steps.at(-1)!.name}:effect:error,`
  return FAILPOINT_PLACES.flatMap((place) =>
    FAILPOINT_FAULTS.map((fault) => {
      return { task, step, direction, place, fault, failpoint: `${cause}${at}:${place}:${fault}` }
    }),
  )
}

/**
 * Runs every case: the task with its fault, a recovery, the check, and a second recovery that must change nothing.
 * Returns how many cases there were. Throws one error that names each case that failed and why.
 */
export async function stepFaultMatrix<Deps>(options: FaultMatrixOptions<Deps>): Promise<{ cases: number }> {
  const cases = faultCases(options.sagas).filter((kase) => options.only?.(kase) ?? true)
  const failures: string[] = []
  const causes: unknown[] = []
  for (const kase of cases) {
    try {
      await runCase(kase, options)
    } catch (error) {
      failures.push(`${kase.failpoint}: ${errorChain(error)}`)
      causes.push(error)
    }
  }
  if (failures.length === 0) return { cases: cases.length }
  const shown = failures.slice(0, 20).join('\n')
  throw new AggregateError(causes, `${failures.length} of ${cases.length} cases failed\n${shown}`)
}

async function runCase<Deps>(kase: FaultCase, options: FaultMatrixOptions<Deps>): Promise<void> {
  const world = await options.makeWorld(kase)
  const made: Tasks<Deps>[] = []
  try {
    await provoke(kase, world, (clock, failpoints) => {
      for (const earlier of made) earlier.throwAway()
      const { store, deps } = world
      const base = { store, deps, sagas: options.sagas, clock, failpoints, random: seededRandom(made.length) }
      const tasks = new Tasks<Deps>({ ...base, owner: 'test-kit', exclusive: true, poll: 60, ...options.options })
      made.push(tasks)
      return tasks
    })
  } finally {
    for (const tasks of made) tasks.throwAway()
    await world.close()
  }
}

type Make<Deps> = (clock: VirtualClock, failpoints: Failpoints) => Tasks<Deps>

async function provoke<Deps>(kase: FaultCase, world: FaultWorld<Deps>, make: Make<Deps>): Promise<void> {
  const clock = world.clock ?? new VirtualClock()
  const failpoints = new Failpoints(kase.failpoint, 'throw-away')
  const faulty = make(clock, failpoints)
  await faulty.start()
  const drive = <T>(work: Promise<T>) => moveClock(clock, failpoints, work)
  const id = await drive(world.begin(faulty, kase.task))
  await drive(faulty.ended(id))
  if (failpoints.unfired.length > 0) throw new Error(`${failpoints.unfired.join(', ')} never fired`)

  const recover = async (): Promise<Tasks<Deps>> => {
    const tasks = make(clock, new Failpoints())
    await tasks.start()
    await drive(Promise.resolve(world.recover?.(tasks)))
    await drive(allEnded(tasks))
    return tasks
  }
  failpoints.crashed = false
  const task = await (await recover()).get(id)
  if (!task) throw new Error('the task is gone')
  if (task.state === 'stuck') throw new Error(`the task is stuck at ${task.step} (${task.direction}): ${task.reason}`)
  await world.check(task)
  const first = await world.snapshot()
  await recover()
  const second = await world.snapshot()
  if (isDeepStrictEqual(first, second)) return
  throw new Error(`a second recovery changed ${JSON.stringify(first)} to ${JSON.stringify(second)}`)
}

async function allEnded<Deps>(tasks: Tasks<Deps>): Promise<void> {
  const live = await tasks.list({ live: true })
  await Promise.all(live.map(({ id }) => tasks.ended(id)))
  await tasks.idle()
}

/** Moves time until the work is done or the process has crashed; real input and output gets real time meanwhile. */
async function moveClock<T>(clock: VirtualClock, failpoints: Failpoints, work: Promise<T>): Promise<T> {
  const end = clock.monotonic() + MOST_HOURS * 3_600_000
  let settled = false
  const settle = () => {
    settled = true
  }
  work.then(settle, settle)
  for (let turn = 0; !settled && !failpoints.crashed; turn++) {
    await (turn < QUICK_TURNS ? nextTurn() : systemClock.sleep(1))
    if (failpoints.hanging > 0) await clock.advance(60_000)
    else if (turn > QUICK_TURNS) await clock.advance(Math.min((turn - QUICK_TURNS) * 20, 1000))
    if (clock.monotonic() > end) throw new Error(`nothing ended within ${MOST_HOURS} hours`)
  }
  return settled ? work : (undefined as T)
}
