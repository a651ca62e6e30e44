// What is known of a request before it is routed, kept beside the raw request.
import type { IncomingMessage } from 'node:http'
import type { Manners, Rewritten } from './manners.ts'

export interface Edge extends Rewritten {
  manners: Manners | undefined
}

const edges = new WeakMap<IncomingMessage, Edge>()

export function keepEdge(raw: IncomingMessage, edge: Edge): void {
  edges.set(raw, edge)
}

/** The edge of a request; requests outside every prefix have no manners. */
export function edgeOf(raw: IncomingMessage): Edge {
  return edges.get(raw) ?? { path: raw.url ?? '/', manners: undefined }
}
