// Nova's power states: what the hypervisor says of a guest.

export const POWER = { NOSTATE: 0, RUNNING: 1, PAUSED: 3, SHUTDOWN: 4, CRASHED: 6, SUSPENDED: 7 } as const

export type PowerState = (typeof POWER)[keyof typeof POWER]

/** True when no process runs for the guest. */
export function isOff(state: PowerState): boolean {
  return state === POWER.SHUTDOWN || state === POWER.CRASHED || state === POWER.NOSTATE
}
