// What the conductor's steps work with.
import type { Remote } from '@kilonova/bus/bus'
import type { ComputeAgent } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'

export interface Conductor {
  readonly compute: Compute
}

/** Milliseconds for calls to a host that may copy images or wait for guests. */
export const LONG_CALL = 1_800_000

/** The agent of a host, as the conductor calls it. */
export function agentOf({ compute }: Conductor, host: string): Remote<ComputeAgent> {
  return compute.bus.remote<ComputeAgent>(computeTopic(host))
}
