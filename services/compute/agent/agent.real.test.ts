// A whole server on a real host: the guest image boots, reads its config drive, obeys its power button.
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { type Daemon, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import { computeAgent } from './agent.ts'
import { ImageCache } from './disks/image-cache.ts'
import { LocalStorage } from './disks/local-storage.ts'
import { virtualSize } from './disks/qemu-img.ts'
import { libvirtHypervisor } from './drivers/libvirt/libvirt-hypervisor.ts'
import type { GuestSpec } from './guest-spec.ts'
import { InstancePaths } from './instance-paths.ts'
import { POWER } from './power-state.ts'
import type { ComputeAgent } from './protocol.ts'
import { makeGuest, makeImage, makeVif } from './testing.ts'

const BUILDER = join(import.meta.dirname, '../../../cloud/guest-image/main.ts')
const CACHE = join(process.env['KILONOVA_TEST_CACHE'] ?? join(tmpdir(), 'kilonova-test-cache'), 'guest-image')
const BUILD_LIMIT = 300_000

/** The path of the guest image; made once for all tests. */
async function guestImage(): Promise<string> {
  const { stdout } = await run(process.execPath, [BUILDER, CACHE], { timeout: BUILD_LIMIT })
  return (JSON.parse(stdout) as { path: string }).path
}

describe('the compute agent on a real host', () => {
  let image: string
  let directory: string
  let daemon: Daemon
  let host: LibvirtHost
  let paths: InstancePaths
  let agent: ComputeAgent

  before(async () => {
    image = await guestImage()
    directory = await mkdtemp(join(tmpdir(), 'kn-agent-'))
    daemon = await startDaemon({ directory: join(directory, 'lv') })
    host = LibvirtHost.start({ connect: unixSocket(daemon.socket) })
    await host.ready(AbortSignal.timeout(60_000))
    paths = new InstancePaths(join(directory, 'instances'))
    const source = { open: async () => ({ path: image }) }
    const storage = new LocalStorage({
      paths,
      images: new ImageCache({ paths, source, inspect: (path, format) => virtualSize(path, format) }),
      imagesType: 'qcow2',
    })
    await storage.open()
    const hypervisor = libvirtHypervisor({
      host,
      paths,
      cloudTag: directory,
      virtType: 'qemu',
      cpuMode: 'none',
      cpuModel: '',
      tbCacheMb: 64,
      vnc: false,
      disks: { cache: { file: 'writeback', block: 'none' } },
      memStatsPeriod: 10,
    })
    const vifs = {
      plug: async ({ tap }: { tap: string }) => void (await run('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap'])),
      unplug: async ({ tap }: { tap: string }) => void (await run('ip', ['link', 'delete', tap])),
    }
    const vendorData = async () => ({ static: {}, dynamic: {} })
    agent = computeAgent({ hypervisor, storage, vifs, nodeUuid: systemRandom.uuid(), dhcpDomain: '', vendorData })
  })

  after(async () => {
    for (const { id } of await agent.guests()) await agent.destroyGuest({ id })
    await host.close()
    await daemon.stop()
    await rm(directory, { recursive: true, force: true })
  })

  const console = (guest: GuestSpec) => agent.consoleOutput({ id: guest.id, length: null })

  async function ready(guest: GuestSpec, times: number): Promise<void> {
    for (let waited = 0; waited < 120_000; waited += 250) {
      if ((await console(guest)).split('kilonova-tiny ready:').length > times) return
      await systemClock.sleep(250)
    }
    throw new Error(`the guest is not ready: ${(await console(guest)).slice(-1000)}`)
  }

  test('a server from its image to its end', async () => {
    const flavor = { ...makeGuest().flavor, memoryMb: 192, rootGb: 1 }
    const guest = makeGuest({
      image: makeImage({ diskFormat: 'qcow2', size: null }),
      flavor,
      hostname: 'walker',
      configDrive: true,
      vifs: [makeVif({ tap: `kt${systemRandom.bytes(5).toString('hex')}` })],
    })
    await agent.prepareImage(guest.image!)
    guest.disks = await agent.createDisks(guest)
    await agent.plug(guest)
    try {
      guest.devices = await agent.define(guest)
      await agent.makeConfigDrive(guest)
      await agent.startPaused(guest)
      assert.equal(await console(guest), '')
      await agent.resumeGuest(guest)
      await ready(guest, 1)
      assert.ok((await console(guest)).includes(guest.id), 'the guest read its id from the config drive')
      assert.deepEqual(await agent.reboot({ guest, how: 'soft', timeout: 60 }), { how: 'soft' })
      await ready(guest, 2)
      assert.deepEqual(await agent.stop({ id: guest.id, how: 'acpi', timeout: 60 }), { clean: true })
      assert.equal(await agent.powerState(guest), POWER.SHUTDOWN)
      await agent.destroyGuest(guest)
    } finally {
      await agent.unplug(guest)
    }
    await agent.deleteFiles(guest)
    assert.deepEqual(await readdir(paths.root), ['_base'])
    assert.deepEqual(await agent.guests(), [])
  })
})
