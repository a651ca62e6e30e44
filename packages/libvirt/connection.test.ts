// A connection to a real daemon: calls, their limits, events, consoles, closing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { LibvirtConnection } from './connection.ts'
import { lifecycle, openConsole, startDomain } from './constants.ts'
import type { LibvirtErrorKind } from './errors.ts'
import { LibvirtError } from './errors.ts'
import type { DomainEventOf } from './events.ts'
import { connect } from './procedures/connect.ts'
import { domains } from './procedures/domain.ts'
import { guests } from './procedures/guest.ts'
import type { TestDaemon } from './testing.ts'
import { daemonFor, echoGuest } from './testing.ts'
import { unixSocket } from './unix-socket.ts'

const ofKind = (kind: LibvirtErrorKind) => (error: unknown) => error instanceof LibvirtError && error.kind === kind

test('a connection', { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  await t.test('opening says what is wrong', () => opening(daemon))
  await t.test('a thousand calls at once', () => pipelined(daemon))
  await t.test('limits of waiting', () => limits(daemon))
  await t.test('wrong arguments', () => wrongArguments(daemon))
  await t.test('events and console', () => eventsAndConsole(daemon))
  await t.test('a silent daemon counts as gone', () => silence(daemon))
  await t.test('closing', () => closing(daemon))
})

async function opening(daemon: TestDaemon): Promise<void> {
  const absent = LibvirtConnection.open({ connect: unixSocket(`${daemon.directory}/none`) })
  await assert.rejects(absent, (error) => ofKind('disconnected')(error) && /ENOENT/.test(String(error)))
  const wrong = LibvirtConnection.open({ connect: unixSocket(daemon.socket), uri: 'none:///' })
  await assert.rejects(wrong, (error) => ofKind('libvirt')(error) && /none/.test(String(error)))
}

async function pipelined(daemon: TestDaemon): Promise<void> {
  const connection = await daemon.open()
  const names = await Promise.all(
    Array.from({ length: 1000 }, (_, i) =>
      i % 2 ? connection.call(connect.getType) : connection.call(connect.getUri),
    ),
  )
  assert.equal(connection.inFlight, 0)
  assert.ok(names.every((name, i) => name === (i % 2 ? 'QEMU' : 'qemu:///system')))
}

async function limits(daemon: TestDaemon): Promise<void> {
  const connection = await daemon.open()
  process.kill(daemon.pid, 'SIGSTOP')
  try {
    const controller = new AbortController()
    const answered = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const
    const late = connection.call(connect.getHostname, undefined, { timeout: 10, settled: answered[0].resolve })
    const aborted = connection.call(connect.getHostname, undefined, {
      signal: controller.signal,
      settled: answered[1].resolve,
    })
    await assert.rejects(late, ofKind('timeout'))
    controller.abort(new Error('enough'))
    await assert.rejects(aborted, (error) => ofKind('aborted')(error) && /enough/.test(String((error as Error).cause)))
    const before = connection.call(connect.getHostname, undefined, { signal: controller.signal })
    await assert.rejects(before, ofKind('aborted'))
    assert.equal(connection.inFlight, 2)
    process.kill(daemon.pid, 'SIGCONT')
    // Its late answers harm nobody.
    assert.equal(await connection.call(connect.getType), 'QEMU')
    await Promise.all(answered.map(({ promise }) => promise))
    assert.equal(connection.inFlight, 0)
  } finally {
    process.kill(daemon.pid, 'SIGCONT')
  }
}

async function wrongArguments(daemon: TestDaemon): Promise<void> {
  const connection = await daemon.open()
  const wrong = connection.call(domains.lookupByUuid, 'not a uuid')
  await assert.rejects(
    wrong,
    (error) => ofKind('protocol')(error) && /^LibvirtError: domains.lookup/.test(String(error)),
  )
  const misread = connection.call({ ...connect.getType, result: connect.supportsFeature.result })
  await assert.rejects(misread, (error) => ofKind('protocol')(error) && /another shape/.test(String(error)))
  const unknown = connection.call({ ...connect.getType, number: 9999 })
  await assert.rejects(unknown, (error) => error instanceof LibvirtError && error.codeName === 'RPC')
  assert.equal(await connection.call(connect.getType), 'QEMU')
}

/** Reads until the text has come. */
async function until(stream: Duplex, text: string): Promise<void> {
  let seen = ''
  while (!seen.includes(text)) {
    const chunk: Buffer | null = stream.read()
    if (chunk) seen += chunk
    else await once(stream, 'readable')
  }
}

async function eventsAndConsole(daemon: TestDaemon): Promise<void> {
  const connection = await daemon.open()
  const guest = await echoGuest(daemon.directory)
  const other = await echoGuest(daemon.directory, 'other')
  const seen: DomainEventOf<'lifecycle'>[] = []
  const stopped = Promise.withResolvers<void>()
  const all = await connection.subscribe('lifecycle', (event) => {
    seen.push(event)
    if (event.event === lifecycle.STOPPED) stopped.resolve()
  })
  const ofOther: number[] = []
  const defined = Promise.withResolvers<void>()
  const hear = ({ event }: { event: number }): void => {
    ofOther.push(event)
    defined.resolve()
  }
  const one = await connection.subscribe('lifecycle', hear, other.dom)
  await connection.call(domains.defineXml, { xml: other.xml })
  await defined.promise // libvirt tells it before or after its answer
  await one.unsubscribe()
  await connection.call(domains.undefine, { dom: other.dom })

  const dom = await connection.call(domains.createXml, { xml: guest.xml, flags: startDomain.PAUSED })
  const { stream } = await connection.openStream(guests.openConsole, { dom })
  const second = connection.openStream(guests.openConsole, { dom })
  await assert.rejects(second, (error) => error instanceof LibvirtError && error.codeName === 'OPERATION_FAILED')
  await connection.call(domains.resume, { dom })
  await until(stream, 'ready\r\n')
  stream.write('hello')
  await until(stream, 'hello')

  const taken = assert.rejects(once(stream.resume(), 'close'), ofKind('libvirt'))
  const again = await connection.openStream(guests.openConsole, { dom, flags: openConsole.FORCE })
  await taken
  again.stream.write('q')
  again.stream.resume()
  await once(again.stream, 'close')
  await stopped.promise
  await all.unsubscribe()

  const of = (uuid: string) => seen.filter((event) => event.dom.uuid === uuid).map(({ event }) => event)
  const { DEFINED, UNDEFINED, STARTED, SUSPENDED, RESUMED, SHUTDOWN, STOPPED } = lifecycle
  assert.deepEqual(of(other.uuid), [DEFINED, UNDEFINED])
  // libvirt may tell STARTED after what the start brought with it.
  assert.deepEqual(new Set(of(guest.uuid)), new Set([STARTED, SUSPENDED, RESUMED, SHUTDOWN, STOPPED]))
  assert.equal(of(guest.uuid).at(-1), STOPPED)
  assert.deepEqual(ofOther, [DEFINED])
}

async function silence(daemon: TestDaemon): Promise<void> {
  const keepalive = { interval: 20, count: 3 }
  const connection = await LibvirtConnection.open({ connect: unixSocket(daemon.socket), keepalive })
  process.kill(daemon.pid, 'SIGSTOP')
  try {
    const pending = connection.call(connect.getHostname)
    await assert.rejects(pending, (error) => ofKind('disconnected')(error) && /not answered for/.test(String(error)))
    assert.match(String(await connection.closed), /not answered for/)
  } finally {
    process.kill(daemon.pid, 'SIGCONT')
  }
}

async function closing(daemon: TestDaemon): Promise<void> {
  const connection = await daemon.open()
  await connection.close()
  await connection.close()
  assert.match(connection.closeReason?.message ?? '', /closed/)
  await assert.rejects(connection.call(connect.getType), ofKind('disconnected'))
}
