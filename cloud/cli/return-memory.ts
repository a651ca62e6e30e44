// Gives back to the system, once, what the start of the process has needed and its rest does not.
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Clock } from '@kilonova/base/clock'

const LOOK_MS = 5_000
/** The share of a look's time in which the process may have worked, and still be idle. */
const IDLE = 0.05

type CollectAll = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void

/** Waits until the process is idle, since a collection of everything stops it for a tenth of a second or two. */
export function returnMemoryWhenIdle(clock: Clock): void {
  const before = performance.eventLoopUtilization()
  clock.after(LOOK_MS, () => {
    if (performance.eventLoopUtilization(before).utilization > IDLE) return returnMemoryWhenIdle(clock)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as CollectAll
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  })
}
