// Flows that a router translates in a way in which it no longer would: the connection tracking would let them go on.
import { run } from '@kilonova/base/command'
import type { WiredRouter } from '../../protocol.ts'
import { deleteKind } from './conntrack.ts'
import { routerNamespace } from './names.ts'

/** A flow as its first packet was, and where the answers come from and go to. */
interface Flow {
  source: string
  destination: string
  replySource: string
  replyDestination: string
}

/** Looks at what is there, not at what has changed: a repetition after a crash ends what the first try did not. */
export async function endStaleFlows(router: WiredRouter): Promise<void> {
  const namespace = routerNamespace(router.id)
  const { stdout } = await run('ip', ['netns', 'exec', namespace, 'conntrack', '-L', '-f', 'ipv4'])
  for (const ends of staleFlows(stdout, router)) await deleteKind(['-D', ...ends], namespace)
}

/** The ends, as conntrack's arguments, of the listed flows that the router would not translate so. */
export function staleFlows(listing: string, router: WiredRouter): string[][] {
  const found = new Map<string, string[]>()
  for (const flow of readFlows(listing)) {
    const ends = staleEnds(flow, router)
    if (ends) found.set(ends.join(' '), ends)
  }
  return [...found.values()]
}

function readFlows(listing: string): Flow[] {
  const ends = /^\w+ .*? src=(\S+) dst=(\S+) .*?src=(\S+) dst=(\S+) /gm
  return [...listing.matchAll(ends)].map(([, source, destination, replySource, replyDestination]) => ({
    source: source!,
    destination: destination!,
    replySource: replySource!,
    replyDestination: replyDestination!,
  }))
}

function staleEnds(flow: Flow, { floatingIps, gateway }: WiredRouter): string[] | undefined {
  const { source, destination, replySource, replyDestination } = flow
  const leads = (floating: string, fixed: string): boolean =>
    floatingIps.some(({ floatingIp, fixedIp }) => floatingIp === floating && fixedIp === fixed)
  const isLedIn = destination !== replySource
  const isLed = floatingIps.some(({ floatingIp }) => floatingIp === destination)
  if ((isLedIn || isLed) && !leads(destination, replySource)) return ['-d', destination, '-r', replySource]
  if (source === replyDestination) return undefined
  const isShared = gateway?.fixedIps.some(({ ipAddress }) => ipAddress === replyDestination) ?? false
  // What turns back inside leaves by the gateway's address even without SNAT.
  if (isShared && (gateway!.enableSnat || isLedIn)) return undefined
  return leads(replyDestination, source) ? undefined : ['-s', source, '-q', replyDestination]
}
