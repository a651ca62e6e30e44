// Handing consoles out: secrets that hold once and for a while, bytes both ways, an end on both sides.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { after, before, it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { ConsoleListener } from './console-listener.ts'
import { FakeHypervisor } from './drivers/fake/fake-hypervisor.ts'
import type { OpenedConsole } from './protocol.ts'
import { makeGuest } from './testing.ts'
import { Reader } from './testing-rfb.ts'

const hypervisor = new FakeHypervisor({ name: 'fake-1' })
const clock = new VirtualClock()
const { consoles } = hypervisor
const listener = new ConsoleListener({ consoles, address: '127.0.0.1', clock, random: systemRandom })
const guest = makeGuest()
before(async () => {
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: false })
})
after(() => listener.close())

async function dial({ host, port }: OpenedConsole, greeting: string): Promise<Socket> {
  const socket = connect({ host, port })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(greeting)
  return socket
}

const closeOf = (socket: Socket): Promise<void> => new Promise((resolve) => socket.resume().once('close', resolve))

it('gives the console to the first who brings its secret', async () => {
  const opened = await listener.open(guest.id, 'serial')
  assert.deepEqual(await listener.addressOf(guest.id, 'serial'), { host: '127.0.0.1', port: opened.port })
  const socket = await dial(opened, `${opened.secret}\nhello`)
  const reader = new Reader(socket)
  assert.equal((await reader.exactly(5)).toString(), 'hello')
  await closeOf(await dial(opened, `${opened.secret}\n`))
  socket.write('still')
  assert.equal((await reader.exactly(5)).toString(), 'still')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await hypervisor.stop(guest.id, 'force')
  await closed
  await hypervisor.start(guest.id, { paused: false })
})

it('closes on whoever brings another secret, half of one, or none', async () => {
  const opened = await listener.open(guest.id, 'serial')
  await closeOf(await dial(opened, `${'0'.repeat(64)}\n`))
  await closeOf(await dial(opened, `${opened.secret}x`))
  const half = await dial(opened, opened.secret.slice(0, 10))
  half.end()
  await closeOf(half)
})

it('waits ten seconds for its user, and for a greeting', async () => {
  const opened = await listener.open(guest.id, 'vnc')
  await clock.advance(10_000)
  await closeOf(await dial(opened, `${opened.secret}\n`))
  const silent = await dial(opened, '')
  const closed = closeOf(silent)
  let isClosed = false
  void closed.then(() => {
    isClosed = true
  })
  while (!isClosed) await clock.advance(10_000)
})

it('has no console of a guest that is off or not there', async () => {
  const off = makeGuest()
  await hypervisor.define(off)
  for (const ask of [() => listener.open(off.id, 'vnc'), () => listener.addressOf(off.id, 'vnc')])
    await assert.rejects(ask, (error) => isFault(error, 'GuestOff'))
  await assert.rejects(listener.open(systemRandom.uuid(), 'vnc'), (error) => isFault(error, 'GuestNotFound'))
})
