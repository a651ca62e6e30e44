// Faults on demand at the borders of steps, for tests and for KILONOVA_FAILPOINT.
import { stepNames } from './describe.ts'
import type { AnySaga } from './saga.ts'

/** before the step; after its effect but before its record; after its record. */
export const FAILPOINT_PLACES = ['before', 'effect', 'after'] as const
export const FAILPOINT_FAULTS = ['crash', 'error', 'hang', 'repeat'] as const
export type FailpointPlace = (typeof FAILPOINT_PLACES)[number]
export type FailpointFault = (typeof FAILPOINT_FAULTS)[number]

interface Failpoint {
  /** `<task>.<step>`, or `<task>.<step>.undo`. */
  readonly at: string
  readonly place: FailpointPlace
  readonly fault: FailpointFault
  /** How often it fires yet. */
  left: number
  fired: number
}

/** A set of failpoints and the count of how often they fired. */
export class Failpoints {
  readonly #points: Failpoint[]
  /** What a crash is: the death of this process, or only of the Tasks object. */
  readonly crash: 'sigkill' | 'throw-away'
  /** Steps that hang at a failpoint now. */
  hanging = 0
  /** True once a crash was committed. */
  crashed = false

  /** `<task>.<step>:<place>:<fault>[:count]`, several separated by commas. Throws on anything else. */
  constructor(text = '', crash: 'sigkill' | 'throw-away' = 'sigkill') {
    this.crash = crash
    this.#points = text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '')
      .map(parseFailpoint)
  }

  /**
   * The fault to commit here now, if any. Each answer uses one count. Of several crashes the last one that is reached
   * is it, and the others hang until then: one death finds several tasks, each at its place.
   */
  take(at: string, place: FailpointPlace): FailpointFault | undefined {
    const point = this.#points.find((one) => one.at === at && one.place === place && one.left > 0)
    if (!point) return undefined
    point.left--
    point.fired++
    if (point.fault !== 'crash') return point.fault
    if (this.#points.some((other) => other !== point && other.fault === 'crash' && other.left > 0)) return 'hang'
    this.crashed = true
    return 'crash'
  }

  /** How often they fired together. */
  get fired(): number {
    return this.#points.reduce((sum, { fired }) => sum + fired, 0)
  }

  /** Those that never fired. */
  get unfired(): string[] {
    return this.#points.filter(({ fired }) => fired === 0).map(({ at, place, fault }) => `${at}:${place}:${fault}`)
  }

  /** Names that no given task has. */
  unknown(sagas: readonly AnySaga[]): string[] {
    const known = new Set(stepNames(sagas))
    return this.#points.map(({ at }) => at).filter((at) => !known.has(at))
  }
}

function parseFailpoint(text: string): Failpoint {
  const [at = '', place, fault, count = '1', ...rest] = text.split(':')
  const known =
    /^[^.]+\.[^.]+\./.test(at) &&
    FAILPOINT_PLACES.some((one) => one === place) &&
    FAILPOINT_FAULTS.some((one) => one === fault) &&
    /^[1-9]\d*$/.test(count) &&
    rest.length === 0
  if (!known) {
    throw new Error(
      `KILONOVA_FAILPOINT: '${text}' is not <task>.<step>:<${FAILPOINT_PLACES.join('|')}>:<${FAILPOINT_FAULTS.join('|')}>[:count]`,
    )
  }
  return { at, place: place as FailpointPlace, fault: fault as FailpointFault, left: Number(count), fired: 0 }
}
