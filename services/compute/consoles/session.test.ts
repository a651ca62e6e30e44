// What ends a connection to a console, by a clock that moves only when told to.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { after, before, it } from 'node:test'
import { systemClock, VirtualClock } from '@kilonova/base/clock'
import { WebSocket, WebSocketServer } from 'ws'
import type { SessionParts } from './session.ts'
import { Session } from './session.ts'

let guests: Server
let users: WebSocketServer
before(async () => {
  guests = createServer().listen(0, '127.0.0.1')
  users = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await Promise.all([once(guests, 'listening'), once(users, 'listening')])
})
after(() => {
  guests.close()
  users.close()
})

const portOf = (server: { address(): unknown }): number => (server.address() as { port: number }).port

/** A session with both of its ends: the user's and the guest's. */
async function begin(parts: Partial<SessionParts> = {}, { answersPings = true } = {}) {
  const clock = new VirtualClock()
  const accepted = once(guests, 'connection') as Promise<[Socket]>
  const guest = connect(portOf(guests), '127.0.0.1')
  const [guestEnd] = await accepted
  guestEnd.on('error', () => undefined)
  const welcomed = once(users, 'connection') as Promise<[WebSocket]>
  const userEnd = new WebSocket(`ws://127.0.0.1:${portOf(users)}`, { autoPong: answersPings })
  const [[user]] = await Promise.all([welcomed, once(userEnd, 'open')])
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    userEnd.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const session = new Session({ user, guest, clock, refusal: async () => undefined, endsAt: Infinity, ...parts })
  let isOver = false
  void session.over.then(() => {
    isOver = true
  })
  return { session, clock, guestEnd, userEnd, closed, isOver: () => isOver }
}

type Begun = Awaited<ReturnType<typeof begin>>

/** Until each side has heard what the other has said so far, and has answered pings. */
async function quiet(userEnd: WebSocket): Promise<void> {
  for (let turn = 0; turn < 2 && userEnd.readyState === WebSocket.OPEN; turn++) {
    userEnd.ping()
    const heard = new AbortController()
    const either = ['pong', 'close'].map((event) => once(userEnd, event, { signal: heard.signal }))
    await Promise.race(either)
    heard.abort()
    await Promise.allSettled(either)
  }
}

/** Lets time pass until the session is over; answers how much did, at most. */
async function lasted({ clock, isOver, userEnd }: Begun, step = 1000): Promise<number> {
  const from = clock.monotonic()
  while (!isOver()) {
    await quiet(userEnd)
    await clock.advance(step)
    await systemClock.sleep(1)
  }
  return clock.monotonic() - from
}

it('is cut when its right ends, and tells its user why', async () => {
  let refusal: string | undefined
  const begun = await begin({ refusal: async () => refusal })
  await begun.clock.advance(60_000)
  assert.equal(begun.isOver(), false)
  const guestEnded = once(begun.guestEnd.resume(), 'end')
  refusal = 'the server is gone'
  const time = await lasted(begun)
  assert.deepEqual(await begun.closed, { code: 1008, reason: 'the server is gone' })
  assert.ok(time <= 5000, `${time} ms`)
  await guestEnded
})

it('goes on when nobody can say whether its right holds', async () => {
  const refusal = async () => {
    throw new Error('the store is away')
  }
  const begun = await begin({ refusal })
  await begun.clock.advance(20_000)
  assert.equal(begun.isOver(), false)
  begun.session.close(1001, 'end of test')
  await lasted(begun)
})

it('ends at its time', async () => {
  const clock = new VirtualClock()
  const begun = await begin({ clock, endsAt: clock.now() + 60_000 })
  await clock.advance(59_000)
  assert.equal(begun.isOver(), false)
  await lasted({ ...begun, clock })
  assert.match((await begun.closed).reason, /time of this console is over/)
})

it('ends after half an hour of silence, and a word begins it anew', async () => {
  const begun = await begin()
  const HALF_AN_HOUR = 30 * 60_000
  let heard = 0
  begun.userEnd.on('message', () => {
    heard++
  })
  begun.guestEnd.write('word')
  while (heard === 0) await systemClock.sleep(1)
  const time = await lasted(begun, 10_000)
  assert.match((await begun.closed).reason, /half an hour/)
  assert.ok(time >= HALF_AN_HOUR, `${time} ms`)
})

it('ends when its user does not answer pings', async () => {
  const begun = await begin({}, { answersPings: false })
  const time = await lasted(begun)
  assert.match((await begun.closed).reason, /ping/)
  assert.ok(time >= 30_000 && time < 120_000, `${time} ms`)
})

it('reads no faster than it is read, either way', async () => {
  const begun = await begin()
  const { guestEnd, userEnd } = begun
  const PIECES = 400
  const piece = Buffer.alloc(65_536, 7)
  userEnd.pause()
  let left = 0
  for (let i = 0; i < PIECES; i++) guestEnd.write(piece, () => left++)
  await systemClock.sleep(100)
  assert.ok(left < PIECES, 'the guest is held up while its user does not read')
  let received = 0
  userEnd.on('message', (data: Buffer) => {
    received += data.length
  })
  userEnd.resume()
  while (received < PIECES * piece.length) await systemClock.sleep(1)
  begun.session.close(1000, '')
  await lasted(begun)
})
