// What every hypervisor driver must do: one suite, run by the tests of each.
import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { afterEach, describe, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { GuestSpec } from './guest-spec.ts'
import type { DiskCopy, GuestEvent, Hypervisor } from './hypervisor.ts'
import { POWER } from './power-state.ts'
import { Reader, shakeHands } from './testing-rfb.ts'

export interface ContractHost {
  hypervisor(): Hypervisor
  /** Guests that can be started on this host and obey their power button. */
  guest(parts?: Partial<GuestSpec>): Promise<GuestSpec>
  /** Whether an agent answers inside them. */
  hasGuestAgent: boolean
  /** A file to copy the guest's first disk into. */
  delta(guest: GuestSpec): Promise<string>
  /** Another cloud's view of the same host; absent where hosts are not shared. */
  stranger?(): Hypervisor
}

const closeOf = (stream: Duplex): Promise<void> => new Promise((resolve) => stream.once('close', resolve))

export function hypervisorContract(name: string, host: ContractHost): void {
  describe(`hypervisor contract: ${name}`, () => {
    const made: string[] = []
    const defined = async (parts?: Partial<GuestSpec>): Promise<GuestSpec> => {
      const guest = await host.guest(parts)
      made.push(guest.id)
      await host.hypervisor().define(guest)
      return guest
    }
    const power = (id: string) => host.hypervisor().powerState(id)
    afterEach(async () => {
      for (const id of made.splice(0)) await host.hypervisor().destroy(id)
    })

    test('a defined guest is off, and defining again changes nothing', async () => {
      const guest = await defined()
      await host.hypervisor().define(guest)
      assert.equal(await power(guest.id), POWER.SHUTDOWN)
      const listed = (await host.hypervisor().guests()).filter(({ id }) => id === guest.id)
      assert.deepEqual(listed, [{ id: guest.id, name: guest.name, powerState: POWER.SHUTDOWN }])
    })

    test('a guest starts paused, runs when resumed, and each call may be repeated', async () => {
      const hypervisor = host.hypervisor()
      const { id } = await defined()
      await hypervisor.start(id, { paused: true })
      await hypervisor.start(id, { paused: true })
      assert.equal(await power(id), POWER.PAUSED)
      await hypervisor.resume(id)
      await hypervisor.resume(id)
      assert.equal(await power(id), POWER.RUNNING)
      await hypervisor.suspend(id)
      await hypervisor.suspend(id)
      assert.equal(await power(id), POWER.PAUSED)
      await hypervisor.stop(id, 'force')
      await hypervisor.stop(id, 'force')
      assert.equal(await power(id), POWER.SHUTDOWN)
    })

    test('a guest goes on from its saved memory, and each call may be repeated', async () => {
      const hypervisor = host.hypervisor()
      const { managedSave, restore } = hypervisor
      if (!managedSave || !restore) return
      const { id } = await defined()
      await assert.rejects(managedSave(id), (error) => isFault(error, 'HypervisorFailed'))
      await hypervisor.start(id, { paused: false })
      for (let turn = 0; turn < 2; turn++) {
        await managedSave(id)
        await managedSave(id)
        assert.equal(await power(id), POWER.SHUTDOWN)
        await restore(id)
        await restore(id)
        assert.equal(await power(id), POWER.RUNNING)
      }
      await hypervisor.suspend(id)
      await restore(id)
      assert.equal(await power(id), POWER.RUNNING)
    })

    test('interrupts a running guest, and asks its agent for a new password', async () => {
      const { injectNmi, setPassword } = host.hypervisor()
      const { id } = await defined()
      if (injectNmi) await assert.rejects(injectNmi(id), (error) => isFault(error, 'HypervisorFailed'))
      if (setPassword) await assert.rejects(setPassword(id, 'root', 'secret'), isFault)
      await host.hypervisor().start(id, { paused: false })
      for (let turn = 0; turn < 2; turn++) await injectNmi?.(id)
      assert.equal(await power(id), POWER.RUNNING)
      if (host.hasGuestAgent) await setPassword?.(id, 'root', 'secret')
      else if (setPassword) await assert.rejects(setPassword(id, 'root', 'secret'), isFault)
    })

    const copyOf = async (guest: GuestSpec, freeze: DiskCopy['freeze'] = 'no'): Promise<DiskCopy> => ({
      ...{ target: guest.disks[0]?.target ?? 'vda', to: await host.delta(guest), freeze },
      ...{ progress: () => undefined, signal: new AbortController().signal },
    })

    test('a disk is copied while its guest goes on, again and again, and nothing is left of it', async () => {
      const hypervisor = host.hypervisor()
      const { diskCopies: copies } = hypervisor
      if (!copies) return
      const guest = await defined()
      await assert.rejects(copies.copy(guest.id, await copyOf(guest)), (error) => isFault(error, 'HypervisorFailed'))
      for (const paused of [false, true]) {
        await hypervisor.stop(guest.id, 'force')
        await hypervisor.start(guest.id, { paused })
        const before = await power(guest.id)
        await copies.copy(guest.id, await copyOf(guest))
        await copies.copy(guest.id, await copyOf(guest, 'try'))
        await assert.rejects(copies.copy(guest.id, await copyOf(guest, 'must')), (error) =>
          isFault(error, 'QuiesceNotPossible'),
        )
        const cancelled = { ...(await copyOf(guest)), signal: AbortSignal.abort() }
        await assert.rejects(copies.copy(guest.id, cancelled))
        assert.equal(await power(guest.id), before)
        assert.equal((await copies.begun()).includes(guest.id), false)
      }
    })

    test('a guest that is held stands still and goes on as it was', async () => {
      const hypervisor = host.hypervisor()
      const { diskCopies: copies } = hypervisor
      if (!copies) return
      const { id } = await defined()
      await copies.hold(id)
      assert.equal((await copies.begun()).includes(id), false)
      for (const paused of [false, true]) {
        await hypervisor.start(id, { paused })
        const before = await power(id)
        await copies.hold(id)
        await copies.hold(id)
        assert.equal(await power(id), POWER.SHUTDOWN)
        assert.equal((await copies.begun()).includes(id), true)
        await copies.release(id)
        await copies.release(id)
        assert.equal(await power(id), before)
        assert.equal((await copies.begun()).includes(id), false)
        await hypervisor.stop(id, 'force')
      }
      await copies.release(systemRandom.uuid())
    })

    test('a running guest keeps running when it is defined anew', async () => {
      const guest = await defined()
      await host.hypervisor().start(guest.id, { paused: false })
      await host.hypervisor().define({ ...guest, displayName: 'renamed' })
      assert.equal(await power(guest.id), POWER.RUNNING)
    })

    test('destroy removes it whatever it does, and is content when it is gone', async () => {
      const hypervisor = host.hypervisor()
      const { id } = await defined()
      await hypervisor.start(id, { paused: false })
      await hypervisor.destroy(id)
      await hypervisor.destroy(id)
      assert.equal(await power(id), POWER.NOSTATE)
      assert.equal(
        (await hypervisor.guests()).some((guest) => guest.id === id),
        false,
      )
    })

    test('a guest that does not exist: no state, nothing to stop, a fault to start', async () => {
      const hypervisor = host.hypervisor()
      const id = systemRandom.uuid()
      assert.equal(await power(id), POWER.NOSTATE)
      await hypervisor.stop(id, 'acpi')
      await hypervisor.stop(id, 'force')
      for (const call of [
        () => hypervisor.start(id, { paused: false }),
        () => hypervisor.resume(id),
        () => hypervisor.suspend(id),
      ]) {
        await assert.rejects(call, (error) => isFault(error, 'GuestNotFound'))
      }
    })

    test('a guest that is off cannot be resumed', async () => {
      const { id } = await defined()
      await assert.rejects(host.hypervisor().resume(id), (error) => isFault(error, 'HypervisorFailed'))
      assert.equal(await power(id), POWER.SHUTDOWN)
    })

    test('a name that another guest has is refused', async () => {
      const first = await defined()
      const second = await host.guest({ name: first.name })
      await assert.rejects(host.hypervisor().define(second), (error) => isFault(error, 'GuestNotOurs'))
    })

    test('events tell of start and stop, in order', async () => {
      const hypervisor = host.hypervisor()
      const { id } = await defined()
      const stop = new AbortController()
      const seen: GuestEvent[] = []
      const reading = (async () => {
        for await (const event of hypervisor.events(stop.signal)) {
          if (event.id === id) seen.push(event)
          if (event.id === id && event.event === 'stopped') return
        }
      })()
      await hypervisor.start(id, { paused: true })
      await hypervisor.resume(id)
      await hypervisor.stop(id, 'force')
      const late = systemClock.after(30_000, () => stop.abort())
      await reading
      late.cancel()
      const names = seen.map(({ event }) => event)
      assert.equal(names.at(-1), 'stopped')
      assert.equal(seen.at(-1)?.powerState, POWER.SHUTDOWN)
      assert.ok(names.includes('started'), `no start in ${names}`)
      assert.ok(names.includes('resumed'), `no resume in ${names}`)
    })

    test('the inventory has sane figures', async () => {
      const inventory = await host.hypervisor().inventory()
      assert.ok(inventory.vcpus >= 1)
      assert.ok(inventory.memoryMb > inventory.memoryMbUsed)
      assert.ok(inventory.supportedInstances.some(([, , mode]) => mode === 'hvm'))
      assert.ok(inventory.hypervisorVersion >= 1_000_000)
      assert.notEqual(inventory.hypervisorHostname, '')
      assert.equal(inventory.numaTopology.flatMap(({ cpus }) => cpus).length, inventory.vcpus)
      assert.match(inventory.uptime, /\d up .+, +\d+ users?, +load average: \d/)
    })

    test('running guests count in vcpusUsed, stopped ones do not', async () => {
      const hypervisor = host.hypervisor()
      const before = (await hypervisor.inventory()).vcpusUsed
      const { id, flavor } = await defined()
      assert.equal((await hypervisor.inventory()).vcpusUsed, before)
      await hypervisor.start(id, { paused: true })
      assert.equal((await hypervisor.inventory()).vcpusUsed, before + flavor.vcpus)
    })

    test('diagnostics agree with the guest', async () => {
      const hypervisor = host.hypervisor()
      const { id, flavor, disks } = await defined()
      await hypervisor.start(id, { paused: true })
      const figures = await hypervisor.diagnostics?.(id)
      if (!figures) return
      assert.equal(figures.state, 'paused')
      assert.equal(figures.numCpus, flavor.vcpus)
      assert.equal(figures.numDisks, disks.length)
      assert.equal(figures.memoryDetails.maximum, flavor.memoryMb)
    })

    test('a guest that is off has no figures', async () => {
      const { diagnostics } = host.hypervisor()
      if (!diagnostics) return
      const { id } = await defined()
      await assert.rejects(diagnostics(id), (error) => isFault(error, 'GuestOff'))
      await assert.rejects(diagnostics(systemRandom.uuid()), (error) => isFault(error, 'GuestNotFound'))
    })

    test('consoles are had of guests that run', async () => {
      const { consoles } = host.hypervisor()
      if (!consoles) return
      const { id } = await defined()
      const nowhere = systemRandom.uuid()
      for (const call of [() => consoles.kinds(id), () => consoles.open(id, 'serial'), () => consoles.open(id, 'vnc')])
        await assert.rejects(call, (error) => isFault(error, 'GuestOff'))
      await assert.rejects(consoles.kinds(nowhere), (error) => isFault(error, 'GuestNotFound'))
      await assert.rejects(consoles.open(nowhere, 'serial'), (error) => isFault(error, 'GuestNotFound'))
      await host.hypervisor().start(id, { paused: true })
      assert.deepEqual(await consoles.kinds(id), ['serial', 'vnc'])
    })

    test('a serial port is taken by whoever opens it, and closes when the guest goes off', async () => {
      const hypervisor = host.hypervisor()
      const { consoles } = hypervisor
      if (!consoles) return
      const { id } = await defined()
      await hypervisor.start(id, { paused: true })
      const first = (await consoles.open(id, 'serial')).on('error', () => undefined).resume()
      const firstClosed = closeOf(first)
      const second = (await consoles.open(id, 'serial')).on('error', () => undefined).resume()
      await firstClosed
      const secondClosed = closeOf(second)
      await hypervisor.stop(id, 'force')
      await secondClosed
    })

    test('a screen greets, tells its size, and closes when the guest goes off', async () => {
      const hypervisor = host.hypervisor()
      const { consoles } = hypervisor
      if (!consoles) return
      const { id } = await defined()
      await hypervisor.start(id, { paused: false })
      const screen = (await consoles.open(id, 'vnc')).on('error', () => undefined)
      const { version, width, height } = await shakeHands(new Reader(screen), (bytes) => screen.write(bytes))
      assert.equal(version, 'RFB 003.008\n')
      assert.ok(width >= 320 && height >= 200, `${width} × ${height}`)
      const closed = closeOf(screen.resume())
      await hypervisor.stop(id, 'force')
      await closed
    })

    const { stranger } = host
    if (!stranger) return
    test("another cloud's guests are neither seen nor touched", async () => {
      const guest = await defined()
      await host.hypervisor().start(guest.id, { paused: true })
      const other = stranger()
      assert.equal(await other.powerState(guest.id), POWER.NOSTATE)
      assert.equal(
        (await other.guests()).some(({ id }) => id === guest.id),
        false,
      )
      await other.stop(guest.id, 'force')
      await other.destroy(guest.id)
      await assert.rejects(other.define(guest), (error) => isFault(error, 'GuestNotOurs'))
      if (other.consoles)
        await assert.rejects(other.consoles.open(guest.id, 'serial'), (error) => isFault(error, 'GuestNotFound'))
      assert.equal(await power(guest.id), POWER.PAUSED)
    })
  })
}
