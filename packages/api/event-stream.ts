// Answers that do not end: server-sent events, resumed by number, for as long as the token is valid.
import { Readable } from 'node:stream'
import type { Clock } from '@kilonova/base/clock'
import type { Call } from './route.ts'
import { Answer } from './route.ts'

export interface ServerEvent {
  /** Sent back as Last-Event-ID by a reader that comes again. */
  readonly id?: string
  readonly event: string
  /** Plain data. */
  readonly data: unknown
}

export interface EventSource {
  /** What has come since the last call, oldest first, a bounded number; empty when there is nothing new. */
  read(): Promise<readonly ServerEvent[]>
  /** Calls `wake` when `read` may have something. Returns what ends it. */
  listen(wake: () => void): () => void
}

/** Milliseconds after which a reader that lost its connection should come again. */
const RETRY = 2000
/** Between comments that keep the connection open, and looks at the token. */
const KEEP_ALIVE = 15_000
/** Between two reads, so that many changes at once are one. */
const GATHER = 50
/** A reader that has no room for so long is dropped; it can resume. */
const PATIENCE = 60_000
/** Bytes that wait for a reader at most, besides one read. */
const BUFFER = 65_536

const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'close' }

type Streamed = Pick<Call, 'stopping' | 'signal' | 'tokenValid'>

/** Ends when the reader goes or is too slow, the token is no longer valid, or the server stops. */
export function eventStream(call: Streamed, source: EventSource, clock: Clock): Answer {
  const ended = AbortSignal.any([call.signal, call.stopping])
  const chunks = patiently(chunksOf({ call, source, clock, ended }), clock, () => void body.destroy())
  const body = Readable.from(chunks, { objectMode: false, highWaterMark: BUFFER })
  return new Answer({ headers: HEADERS, body })
}

interface Streaming {
  call: Pick<Call, 'tokenValid'>
  source: EventSource
  clock: Clock
  ended: AbortSignal
}

async function* chunksOf({ call, source, clock, ended }: Streaming): AsyncGenerator<string> {
  let news = new AbortController()
  const silence = source.listen(() => news.abort())
  try {
    yield `retry: ${RETRY}\n\n`
    while (!ended.aborted && (await call.tokenValid())) {
      news = new AbortController()
      const events = await source.read()
      if (events.length > 0) {
        yield events.map(textOf).join('')
        await clock.sleep(GATHER, ended)
        continue
      }
      await clock.sleep(KEEP_ALIVE, AbortSignal.any([news.signal, ended]))
      if (!news.signal.aborted && !ended.aborted) yield ': keep-alive\n\n'
    }
  } finally {
    silence()
  }
}

/** JSON has no line breaks outside its strings, and none inside. */
function textOf({ id, event, data }: ServerEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

/** Passes on; drops the reader when it takes nothing for too long. */
async function* patiently(chunks: AsyncGenerator<string>, clock: Clock, drop: () => void): AsyncGenerator<string> {
  for await (const chunk of chunks) {
    const timer = clock.after(PATIENCE, drop)
    try {
      yield chunk
    } finally {
      timer.cancel()
    }
  }
}
