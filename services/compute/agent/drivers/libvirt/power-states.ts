// libvirt's domain states and lifecycle events in Nova's words. Tables.
import { domainState, lifecycle, suspendedDetail } from '@kilonova/libvirt/constants'
import type { GuestEvent } from '../../hypervisor.ts'
import { POWER, type PowerState } from '../../power-state.ts'

const STATES: Readonly<Record<number, PowerState>> = {
  [domainState.NOSTATE]: POWER.NOSTATE,
  [domainState.RUNNING]: POWER.RUNNING,
  [domainState.BLOCKED]: POWER.RUNNING,
  [domainState.PAUSED]: POWER.PAUSED,
  [domainState.SHUTDOWN]: POWER.SHUTDOWN,
  [domainState.SHUTOFF]: POWER.SHUTDOWN,
  [domainState.CRASHED]: POWER.CRASHED,
  [domainState.PMSUSPENDED]: POWER.SUSPENDED,
}

export function powerStateOf(state: number): PowerState {
  return STATES[state] ?? POWER.NOSTATE
}

const WITH_PROCESS: readonly number[] = [
  domainState.RUNNING,
  domainState.BLOCKED,
  domainState.PAUSED,
  domainState.SHUTDOWN,
  domainState.PMSUSPENDED,
]

/** True while a QEMU process exists for the domain, also one that is on its way down. */
export function hasProcess(state: number): boolean {
  return WITH_PROCESS.includes(state)
}

/** What a lifecycle event means; undefined for those that change no power state. */
export function lifecycleOf(event: number, detail: number): Omit<GuestEvent, 'id'> | undefined {
  switch (event) {
    case lifecycle.STARTED:
      return { event: 'started', powerState: POWER.RUNNING }
    case lifecycle.RESUMED:
      return { event: 'resumed', powerState: POWER.RUNNING }
    case lifecycle.STOPPED:
      return { event: 'stopped', powerState: POWER.SHUTDOWN }
    case lifecycle.SUSPENDED:
      return { event: detail === suspendedDetail.POSTCOPY ? 'postcopy_started' : 'paused', powerState: POWER.PAUSED }
    default:
      return undefined
  }
}
