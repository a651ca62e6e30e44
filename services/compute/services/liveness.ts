// Whether a service is up: it has reported lately, and nobody forced it down.
import type { Clock } from '@kilonova/base/clock'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ServiceRow } from '../schema/tables.ts'

const offsets = new WeakMap<Clock, number>()

/** Milliseconds since 1970 as of this process's start, going on steadily: a step of the wall clock takes nobody down. */
export function reportTime(clock: Clock): number {
  const offset = offsets.get(clock) ?? clock.now() - clock.monotonic()
  offsets.set(clock, offset)
  return Math.round(clock.monotonic() + offset)
}

export type LastSeen = Pick<ServiceRow, 'last_seen_at' | 'forced_down'>

/** What claims to have reported in the future did so by a clock that was wrong. */
export function isUp({ clock, options }: Pick<Compute, 'clock' | 'options'>, service: LastSeen): boolean {
  const silent = Math.abs(reportTime(clock) - service.last_seen_at)
  return service.forced_down === 0 && silent <= options.service_down_time * 1000
}

const listening = new WeakMap<Clock, number>()

/** From now on this process hears reports. */
export function hearReports(clock: Clock): void {
  listening.set(clock, clock.monotonic())
}

/** Whether a silent service may yet report, since this process has not listened for as long as one may be silent. */
export function isAwaited({ clock, options }: Pick<Compute, 'clock' | 'options'>, service: LastSeen): boolean {
  const since = listening.get(clock)
  if (since === undefined || service.forced_down === 1 || isUp({ clock, options }, service)) return false
  return clock.monotonic() - since <= options.service_down_time * 1000
}

/** Whether the compute service of a host is up. */
export async function isHostUp(compute: Compute, host: string): Promise<boolean> {
  const service = await serviceOf(compute, host)
  return service !== undefined && isUp(compute, service)
}

/** Whether an admin has said of the host that it is down, and so that nothing runs there. */
export async function isForcedDown(compute: Compute, host: string): Promise<boolean> {
  return (await serviceOf(compute, host))?.forced_down === 1
}

function serviceOf(compute: Compute, host: string) {
  return tables(compute)
    .selectFrom('compute_services')
    .select(['last_seen_at', 'forced_down'])
    .where('host', '=', host)
    .where('binary', '=', 'nova-compute')
    .executeTakeFirst()
}
