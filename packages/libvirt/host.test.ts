// A host through the loss of its daemon, and with a guest that hangs.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { domainState, lifecycle } from './constants.ts'
import { startDaemon } from './daemon.ts'
import type { LibvirtErrorKind } from './errors.ts'
import { LibvirtError } from './errors.ts'
import type { HostOptions } from './host.ts'
import { LibvirtHost } from './host.ts'
import { blocks } from './procedures/block.ts'
import { connect } from './procedures/connect.ts'
import { domains } from './procedures/domain.ts'
import { guests } from './procedures/guest.ts'
import type { TestDaemon } from './testing.ts'
import { daemonFor, echoGuest } from './testing.ts'
import { unixSocket } from './unix-socket.ts'

const ofKind = (kind: LibvirtErrorKind) => (error: unknown) => error instanceof LibvirtError && error.kind === kind

async function hostOf(daemon: TestDaemon, options: Partial<HostOptions> = {}): Promise<LibvirtHost> {
  const host = LibvirtHost.start({
    connect: unixSocket(daemon.socket),
    backOff: { first: 10, longest: 100 },
    ...options,
  })
  await host.ready()
  return host
}

async function pidOf(daemon: TestDaemon, guest: string): Promise<number> {
  return Number(await readFile(`${daemon.directory}/run/qemu/${guest}.pid`, 'utf8'))
}

test('a guest outlives its daemon, and the host finds both again', { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  const host = await hostOf(daemon)
  t.after(() => host.close())
  const guest = await echoGuest(daemon.directory)
  const events = host.events()
  const dom = await host.call(domains.createXml, { xml: guest.xml })
  const pid = await pidOf(daemon, guest.name)
  const started = await events.next()
  assert.equal(started.value?.dom.uuid, guest.uuid)

  process.kill(daemon.pid, 'SIGSTOP')
  const underWay = Promise.allSettled([host.call(connect.getHostname), host.call(domains.getInfo, { dom })])
  const lost = once(host, 'disconnected')
  process.kill(daemon.pid, 'SIGKILL')
  for (const call of await underWay) assert.ok(call.status === 'rejected' && ofKind('disconnected')(call.reason))
  await lost
  assert.equal(host.connected, false)
  await assert.rejects(host.call(connect.getHostname), ofKind('disconnected'))

  const found = once(host, 'connected')
  const again = await startDaemon({ directory: daemon.directory })
  assert.notEqual(again.pid, daemon.pid)
  await found
  assert.equal((await host.call(domains.getState, { dom })).state, domainState.RUNNING)
  assert.equal(await pidOf(daemon, guest.name), pid)

  // A new daemon may still be finding its guests; what needs the monitor waits for that, destroy would not.
  await host.call(blocks.stats, { dom, path: 'vda' })
  await host.call(domains.destroy, { dom })
  for await (const event of events) if (event.type === 'lifecycle' && event.event === lifecycle.STOPPED) break
})

test('a hung guest holds up slow calls only', { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  const host = await hostOf(daemon)
  t.after(() => host.close())
  const guest = await echoGuest(daemon.directory)
  const dom = await host.call(domains.createXml, { xml: guest.xml })
  const pid = await pidOf(daemon, guest.name)
  process.kill(pid, 'SIGSTOP')
  const stats = () => host.call(blocks.stats, { dom, path: 'vda' }, { timeout: 60_000 })
  const waiting = [stats(), stats(), stats(), stats(), stats(), stats()]
  assert.equal((await host.call(domains.getState, { dom })).state, domainState.RUNNING)
  const late = host.call(domains.getInfo, { dom }, { timeout: 5 })
  await assert.rejects(late, (error) => ofKind('timeout')(error) && /other calls/.test(String(error)))
  process.kill(pid, 'SIGCONT')
  assert.equal((await Promise.all(waiting)).length, 6)
})

test('a stream has a connection of its own', { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  const host = await hostOf(daemon)
  t.after(() => host.close())
  const guest = await echoGuest(daemon.directory)
  const dom = await host.call(domains.createXml, { xml: guest.xml })
  const { stream } = await host.openStream(guests.openConsole, { dom })
  stream.write('x')
  await once(stream, 'readable')
  assert.equal(await host.call(connect.getType), 'QEMU')
  stream.destroy()
  await assert.rejects(host.openStream(guests.openConsole, { dom, device: 'none' }), ofKind('libvirt'))
})

test('without a daemon it says why, and keeps trying', { timeout: 300_000 }, async () => {
  let tries = 0
  const refused = async () => {
    tries++
    throw new Error('nobody there')
  }
  const host = LibvirtHost.start({ connect: refused, backOff: { first: 1, longest: 2 } })
  await assert.rejects(host.call(connect.getType), ofKind('disconnected'))
  while (tries < 4) await new Promise((resolve) => setImmediate(resolve))
  await assert.rejects(host.ready(AbortSignal.timeout(1)), /nobody there/)
  await host.close()
  const after = tries
  await assert.rejects(host.ready(), /closed by its owner/)
  assert.equal(tries, after)
})
