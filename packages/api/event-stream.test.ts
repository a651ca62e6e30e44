import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:http'
import { afterEach, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VirtualClock } from '@kilonova/base/clock'
import type { EventSource, ServerEvent } from './event-stream.ts'
import { eventStream } from './event-stream.ts'
import { computeManners } from './manners/compute.ts'
import { any } from './policy.ts'
import { routeOf } from './route.ts'
import type { Api } from './server.ts'
import { createApi } from './server.ts'

const policy = { events: any }

/** Gives what was pushed. */
class Pushed implements EventSource {
  readonly waiting: ServerEvent[] = []
  readonly wakes = new Set<() => void>()
  reads = 0

  push(...events: ServerEvent[]): void {
    this.waiting.push(...events)
    for (const wake of this.wakes) wake()
  }

  async read(): Promise<ServerEvent[]> {
    this.reads++
    return this.waiting.splice(0)
  }

  listen(wake: () => void): () => void {
    this.wakes.add(wake)
    return () => void this.wakes.delete(wake)
  }
}

class World {
  readonly clock = new VirtualClock()
  readonly source = new Pushed()
  valid = true
  readonly api: Api
  url = ''

  constructor() {
    const bearer = { roles: [], isAdmin: false, userId: 'u', projectId: 'a'.repeat(32) }
    this.api = createApi({ authenticate: async () => (this.valid ? (bearer as never) : undefined) })
    const route = routeOf<object, typeof policy>(policy)
    const routes = [
      route({
        method: 'GET',
        path: '/v2.1/events',
        policy: 'events',
        success: 200,
        handler: async (_, call) => eventStream(call, this.source, this.clock),
      }),
    ]
    this.api.mount({ manners: computeManners({ min: '2.1', max: '2.1' }), policy, routes, deps: {} })
  }

  async open(): Promise<Reader> {
    this.url ||= await this.api.listen({ host: '127.0.0.1', port: 0 })
    const reader = await Reader.open(`${this.url}/compute/v2.1/events`)
    await reader.until(/retry: 2000\n\n/)
    return reader
  }
}

class Reader {
  text = ''
  ended = false
  readonly reply: IncomingMessage

  private constructor(reply: IncomingMessage) {
    this.reply = reply
    reply.on('data', (chunk) => {
      this.text += chunk
    })
    reply.once('close', () => {
      this.ended = true
    })
    reply.on('error', () => undefined)
  }

  static open(url: string): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const request = get(url, { headers: { 'x-auth-token': 't' } }, (reply) => resolve(new Reader(reply)))
      request.on('error', reject)
    })
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) await nextTurn()
  }

  async end(): Promise<void> {
    while (!this.ended) await nextTurn()
  }
}

describe('an event stream', () => {
  let world: World
  const fresh = (): World => {
    world = new World()
    return world
  }
  afterEach(() => world.api.close())

  it('sends what comes, in order, with numbers to resume by', async () => {
    const { source } = fresh()
    source.push({ id: '1', event: 'made', data: { text: 'one\ntwo' } }, { event: 'gap', data: {} })
    const reader = await world.open()
    await reader.until(/event: gap/)
    source.push({ id: '3', event: 'gone', data: null })
    while (!/gone/.test(reader.text)) {
      await world.clock.advance(10)
      await nextTurn()
    }
    assert.equal(reader.reply.headers['content-type'], 'text/event-stream')
    assert.equal(
      reader.text,
      'retry: 2000\n\nid: 1\nevent: made\ndata: {"text":"one\\ntwo"}\n\n' +
        'event: gap\ndata: {}\n\nid: 3\nevent: gone\ndata: null\n\n',
    )
    reader.reply.destroy()
  })

  it('says now and then that it is there, and ends with the token', async () => {
    const { clock, source } = fresh()
    const reader = await world.open()
    while (source.reads === 0) await nextTurn()
    await clock.advance(15_000)
    await reader.until(/: keep-alive\n\n$/)
    world.valid = false
    await clock.advance(15_000)
    await reader.end()
    assert.ok(reader.reply.complete, 'it ended as answers do')
    assert.equal(source.wakes.size, 0)
  })

  it('listens no more when the reader has gone', async () => {
    const { source } = fresh()
    const reader = await world.open()
    while (source.wakes.size === 0) await nextTurn()
    reader.reply.destroy()
    while (source.wakes.size > 0) await nextTurn()
  })

  it('drops a reader that takes nothing, and holds no more for it than a little', async () => {
    const { clock, source } = fresh()
    const reader = await world.open()
    reader.reply.pause()
    const large = 'x'.repeat(100_000)
    for (let turn = 0; !(source.wakes.size === 0); turn++) {
      if (source.waiting.length < 5) source.push({ id: String(turn), event: 'large', data: large })
      await clock.advance(100)
    }
    const megabytes = (source.reads * large.length) / 1_000_000
    assert.ok(megabytes < 50, `${megabytes} MB were read for it`)
    reader.reply.resume()
    await reader.end()
    assert.equal(reader.reply.complete, false)
  })

  it('lets the server stop', async () => {
    fresh()
    const reader = await world.open()
    await world.api.close()
    await reader.end()
    assert.ok(reader.reply.complete)
  })
})
