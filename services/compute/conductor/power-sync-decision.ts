// What follows from a guest's power state for its server: Nova's table. Pure.
import type { PowerState } from '../agent/power-state.ts'
import { POWER } from '../agent/power-state.ts'

export interface PowerSample {
  vmState: string
  taskState: string | null
  /** The row's power_state. */
  recorded: number
  /** What the host said. */
  seen: PowerState
  /** The row's shutdown_terminate: a guest that went off takes its server with it. Default false. */
  terminates?: boolean
  /** What it said when asked once more, about this guest alone; absent before that. */
  requeried?: PowerState
}

export interface PowerDecision {
  /** The power state to record; absent when nothing is to be recorded (yet). */
  save?: PowerState
  /** `requery`: ask the host about this guest alone, and decide anew with its answer. */
  act: 'nothing' | 'requery' | 'warn' | 'stop' | 'forceStop' | 'delete'
}

type Act = Exclude<PowerDecision['act'], 'nothing' | 'requery'>

const { NOSTATE, RUNNING, PAUSED, SHUTDOWN, CRASHED, SUSPENDED } = POWER

/** By vm_state and power state; what is not listed is as it should be, or another's to mend. */
// biome-ignore format: a table
const ACTS: Readonly<Record<string, Partial<Record<PowerState, Act>>>> = {
  active:        { [SHUTDOWN]: 'stop', [CRASHED]: 'stop', [SUSPENDED]: 'stop', [PAUSED]: 'warn', [NOSTATE]: 'warn' },
  stopped:       { [RUNNING]: 'forceStop', [PAUSED]: 'forceStop', [SUSPENDED]: 'forceStop' },
  paused:        { [SHUTDOWN]: 'forceStop', [CRASHED]: 'forceStop' },
  'soft-delete': { [RUNNING]: 'warn', [PAUSED]: 'warn', [CRASHED]: 'warn', [SUSPENDED]: 'warn' },
  deleted:       { [RUNNING]: 'warn', [PAUSED]: 'warn', [CRASHED]: 'warn', [SUSPENDED]: 'warn' },
}

const GRAVE: readonly PowerDecision['act'][] = ['stop', 'forceStop', 'delete']

/**
 * Nothing while a task works on the server. Nobody is stopped, and no guest called missing, by one sample alone: what
 * the host says last holds, but that a guest is missing it must say twice.
 */
export function decide({
  vmState,
  taskState,
  recorded,
  seen,
  requeried,
  terminates = false,
}: PowerSample): PowerDecision {
  if (taskState !== null) return { act: 'nothing' }
  const power = requeried ?? seen
  const usual = ACTS[vmState]?.[power] ?? 'nothing'
  const act = usual === 'stop' && terminates && power !== SUSPENDED ? 'delete' : usual
  const isMissing = power === NOSTATE && recorded !== NOSTATE
  if (requeried === undefined) {
    if (isMissing || GRAVE.includes(act)) return { act: 'requery' }
  } else if (isMissing && seen !== NOSTATE) {
    return { act: 'nothing' }
  }
  return power === recorded ? { act } : { save: power, act }
}
