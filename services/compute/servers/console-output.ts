// os-getConsoleOutput: the end of what a guest wrote to its serial console, asked of its host.
import type { RequestContext } from '@kilonova/base/context'
import type { ComputeAgent } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { getServer } from './store.ts'

const TIME_LIMIT = 10_000

/** `length` lines from the end; null or -1: all that is kept. */
export async function consoleOutput(
  compute: Compute,
  context: RequestContext,
  id: string,
  length: number | null,
): Promise<string> {
  const { host } = await getServer(compute, context, id)
  if (host === null) throw fault('InstanceNotReady', { id })
  const agent = compute.bus.remote<ComputeAgent>(computeTopic(host))
  return agent.consoleOutput({ id, length: length === -1 ? null : length }, { timeout: TIME_LIMIT })
}
