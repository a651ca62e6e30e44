// A request that is sent again with its Idempotency-Key is done once, and answered the same. The answer is kept with what
// it accepts, sealed with the key; the key itself is kept nowhere. The header: draft-ietf-httpapi-idempotency-key-header.
import { createHash } from 'node:crypto'
import type { RequestContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import type { Seal } from '@kilonova/base/sealed'
import { sealText, unsealText } from '@kilonova/base/sealed'
import type { FastifyRequest } from 'fastify'
import { fault } from './faults.ts'
import { Answer } from './route.ts'
import type { Microversion } from './versions.ts'

/** Where answers are kept, for a time. */
export interface KeptAnswers {
  /** What is kept under the id. */
  find(id: string): Promise<string | undefined>
  /**
   * As one transaction: answers what is kept under the id, or else does `make` and keeps what it answers. Of several at
   * once one makes it, and the others wait for that one. A `make` that throws leaves nothing.
   */
  keep(id: string, make: () => Promise<string>): Promise<{ answer: string; isNew: boolean }>
}

/** An answer that can be kept. */
export interface PlainAnswer {
  status: number
  headers: Record<string, string>
  /** JSON, or empty. */
  text: string
}

/** What a request asks for, and whom it must have come from to be a repetition. */
export interface Keyed {
  key: string
  request: Pick<FastifyRequest, 'method' | 'url'>
  context: RequestContext
  version: Microversion
  body: unknown
}

interface Kept extends PlainAnswer {
  fingerprint: string
}

const MOST = 255
/** A string of structured fields (RFC 9651), as the draft has it. */
const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/
/** What many clients send: the same without quotes. A comma is what joins two headers. */
const BARE = /^[!#-+\--~]+$/

/** The key that a header holds. Throws KeyMalformed. */
export function parseKey(header: string): string {
  const quoted = QUOTED.exec(header)?.[1]?.replaceAll(/\\(.)/g, '$1')
  const key = quoted ?? (BARE.test(header) ? header : '')
  if (key === '' || key.length > MOST) throw fault('KeyMalformed', { most: MOST })
  return key
}

const hashOf = (parts: unknown[]): string => createHash('sha256').update(JSON.stringify(parts, ordered)).digest('hex')

/** The order of an object's keys says nothing. */
function ordered(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Nobody else's request, and none of another scope, comes to the same. */
function idOf({ key, request, context }: Keyed): string {
  const { userId, projectId, domainId, systemScope } = context
  const [path] = request.url.split('?')
  return hashOf([userId, projectId, domainId, systemScope, request.method, path, key])
}

function fingerprintOf({ request, version, body }: Keyed): string {
  return hashOf([version, request.url.split('?')[1] ?? '', body])
}

const sealWith = ({ key }: Keyed): Seal => ({ secret: key, purpose: 'kilonova kept answer' })

function answerOf({ status, headers, text }: PlainAnswer, more: Record<string, string> = {}): Answer {
  const all = { 'content-type': 'application/json', ...headers, ...more }
  return new Answer({ status, headers: all, body: Buffer.from(text) })
}

/**
 * Does the work unless it was done before. `prepare` may be slow and is done outside of the transaction; `make` is all
 * of one transaction, which also keeps its answer.
 */
export async function once<Prepared>(
  kept: KeptAnswers,
  keyed: Keyed,
  work: { prepare: () => Promise<Prepared>; make: (prepared: Prepared) => Promise<PlainAnswer> },
): Promise<Answer> {
  const [id, fingerprint, seal] = [idOf(keyed), fingerprintOf(keyed), sealWith(keyed)]
  const again = (sealed: string): Answer => {
    const { fingerprint: first, ...answer } = JSON.parse(unsealText(sealed, seal)) as Kept
    if (first !== fingerprint) throw fault('KeyReused', {})
    return answerOf(answer, { 'idempotent-replayed': 'true' })
  }
  const earlier = await kept.find(id)
  if (earlier !== undefined) return again(earlier)
  let prepared: Prepared
  try {
    prepared = await work.prepare()
  } catch (error) {
    const first = await kept.find(id) // what refuses this one may be what the first has made meanwhile
    if (first === undefined) throw error
    return again(first)
  }
  let made: PlainAnswer | undefined
  const { answer, isNew } = await kept.keep(id, async () => {
    made = await work.make(prepared)
    return sealText(JSON.stringify({ ...made, fingerprint } satisfies Kept), seal, systemRandom)
  })
  return isNew ? answerOf(made!) : again(answer)
}
