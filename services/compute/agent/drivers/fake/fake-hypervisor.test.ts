import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { hypervisorContract } from '../../hypervisor-contract.ts'
import { POWER } from '../../power-state.ts'
import { makeGuest } from '../../testing.ts'
import { FakeHypervisor } from './fake-hypervisor.ts'
import { Weather } from './weather.ts'

const shared = new FakeHypervisor({ name: 'fake-1' })
hypervisorContract('fake', {
  hypervisor: () => shared,
  guest: async (parts) => makeGuest(parts),
  hasGuestAgent: true,
  delta: async () => '/fake/delta',
})

test('guests survive the process when a file is given', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kilonova-fake-'))
  try {
    const file = join(directory, 'guests')
    const first = new FakeHypervisor({ name: 'fake-1', file })
    const [kept, gone] = [makeGuest(), makeGuest()]
    for (const guest of [kept, gone]) await first.define(guest)
    await first.start(kept.id, { paused: false })
    await first.destroy(gone.id)
    const second = new FakeHypervisor({ name: 'fake-1', file })
    assert.deepEqual(await second.guests(), [{ id: kept.id, name: kept.name, powerState: POWER.RUNNING }])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a guest boots when no memory of it is saved, and a start forgets what is', async () => {
  const host = new FakeHypervisor({ name: 'fake-1' })
  const guest = makeGuest()
  const boots = async () =>
    Buffer.from(await host.consoleOutput(guest.id, 4096))
      .toString()
      .split('\n').length - 1
  await host.define(guest)
  await host.restore(guest.id)
  assert.equal(await boots(), 1)
  await host.managedSave(guest.id)
  await host.define(guest)
  await host.restore(guest.id)
  assert.equal(await boots(), 1)
  await host.managedSave(guest.id)
  await host.start(guest.id, { paused: false })
  assert.equal(await boots(), 2)
  await host.stop(guest.id, 'force')
  await assert.rejects(host.managedSave(guest.id), (error) => isFault(error, 'HypervisorFailed'))
})

test('the power button takes as long as it is told, by the virtual clock', async () => {
  const clock = new VirtualClock()
  const host = new FakeHypervisor({ name: 'fake-1', shutdownTime: 5_000, weather: new Weather({ clock }) })
  const guest = makeGuest()
  await host.define(guest)
  await host.start(guest.id, { paused: false })
  await host.stop(guest.id, 'acpi')
  await clock.advance(4_999)
  assert.equal(await host.powerState(guest.id), POWER.RUNNING)
  await clock.advance(1)
  assert.equal(await host.powerState(guest.id), POWER.SHUTDOWN)
})

test('a broken call fails before or after its effect, as told', async () => {
  const host = new FakeHypervisor({ name: 'fake-1' })
  const guest = makeGuest()
  host.weather.breakNext('define')
  await assert.rejects(host.define(guest), (error) => isFault(error, 'HypervisorFailed'))
  assert.deepEqual(await host.guests(), [])
  host.weather.breakNext('define', 1, 'after')
  await assert.rejects(host.define(guest), (error) => isFault(error, 'HypervisorFailed'))
  assert.equal((await host.guests()).length, 1)
})

test('the same seed gives the same failures', async () => {
  const failures = async (seed: number): Promise<string> => {
    const host = new FakeHypervisor({ name: 'fake-1', weather: new Weather({ failureRate: 0.5, seed }) })
    const calls = Array.from({ length: 40 }, () =>
      host
        .guests()
        .then(() => '.')
        .catch(() => 'x'),
    )
    return (await Promise.all(calls)).join('')
  }
  assert.equal(await failures(7), await failures(7))
  assert.notEqual(await failures(7), await failures(8))
  assert.match(await failures(7), /x.*\.|\..*x/)
})
