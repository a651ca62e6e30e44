// Turning a guest off the polite way: press its power button again and again, then pull the plug.
import type { Clock } from '@kilonova/base/clock'
import { fault } from './faults.ts'
import type { Hypervisor } from './hypervisor.ts'
import { isOff, POWER } from './power-state.ts'

export interface PowerOff {
  id: string
  /** Milliseconds that the guest may take. */
  timeout: number
  signal: AbortSignal
}

/** Guests that boot may not see the button yet. */
const PRESS_AGAIN = 10_000
const LOOK_AGAIN = 200

/** True when the guest went off by itself. Throws GuestBusy when urgent work came between. */
export async function shutDown(hypervisor: Hypervisor, clock: Clock, request: PowerOff): Promise<boolean> {
  const { id, timeout, signal } = request
  const start = clock.monotonic()
  let pressed = Number.NEGATIVE_INFINITY
  for (;;) {
    const state = await hypervisor.powerState(id)
    if (isOff(state)) return true
    const now = clock.monotonic()
    if (now - start >= timeout || state !== POWER.RUNNING) return false // a paused guest sees no button
    if (signal.aborted) throw fault('GuestBusy', { id, why: 'a later request took over' })
    if (now - pressed >= PRESS_AGAIN) {
      await hypervisor.stop(id, 'acpi')
      pressed = now
    }
    await clock.sleep(LOOK_AGAIN, signal)
  }
}
