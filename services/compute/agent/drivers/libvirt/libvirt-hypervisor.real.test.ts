import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { type Daemon, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { domains } from '@kilonova/libvirt/procedures/domain'
import { saving } from '@kilonova/libvirt/procedures/saving'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import { domainOf } from '@kilonova/libvirt/wire-types'
import fc from 'fast-check'
import { planDisks } from '../../disks/disk-mapping.ts'
import type { GuestSpec } from '../../guest-spec.ts'
import type { Hypervisor } from '../../hypervisor.ts'
import { hypervisorContract } from '../../hypervisor-contract.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { POWER } from '../../power-state.ts'
import { bootableDisk, makeGuest, makeImage, makeVif } from '../../testing.ts'
import { domainXml } from './domain-xml.ts'
import { libvirtHypervisor } from './libvirt-hypervisor.ts'

let directory: string
let daemon: Daemon
let host: LibvirtHost
let paths: InstancePaths
let hypervisor: Hypervisor
let stranger: Hypervisor

const settings = {
  virtType: 'qemu',
  cpuMode: 'none',
  cpuModel: '',
  tbCacheMb: 16,
  vncListen: null,
  diskCache: 'writeback',
  memStatsPeriod: 10,
} as const

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kn-agent-'))
  daemon = await startDaemon({ directory: join(directory, 'lv') })
  host = LibvirtHost.start({ connect: unixSocket(daemon.socket) })
  paths = new InstancePaths(join(directory, 'instances'))
  await host.ready(AbortSignal.timeout(60_000))
  hypervisor = libvirtHypervisor({ host, paths, cloudTag: 'ours', ...settings })
  stranger = libvirtHypervisor({ host, paths, cloudTag: 'theirs', ...settings })
})

after(async () => {
  for (const { id } of await hypervisor.guests()) await hypervisor.destroy(id)
  await host.close()
  await daemon.stop()
  await rm(directory, { recursive: true, force: true })
})

/** A guest with its disks as files of one boot sector each. */
async function onDisk(parts: Partial<GuestSpec> = {}): Promise<GuestSpec> {
  const guest = makeGuest(parts)
  await mkdir(paths.directory(guest.id), { recursive: true })
  guest.disks = planDisks(guest, paths, 'raw')
  for (const { source } of guest.disks) await writeFile(source.path, bootableDisk(`${guest.hostname} is up`))
  return guest
}

hypervisorContract('libvirt', { hypervisor: () => hypervisor, stranger: () => stranger, guest: onDisk })

async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (let waited = 0; waited < 20_000; waited += 50) {
    const found = await look()
    if (found) return found
    await systemClock.sleep(50)
  }
  throw new Error('it did not come about within 20 s')
}

test('the guest runs from its disk and its console is kept, also over a restart', async () => {
  const guest = await onDisk({ hostname: 'speaker' })
  const said = async () => Buffer.from(await hypervisor.consoleOutput(guest.id, 1000)).toString()
  assert.equal(await said(), '')
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: false })
  await eventually(async () => (await said()).includes('speaker is up'))
  await hypervisor.stop(guest.id, 'force')
  await hypervisor.start(guest.id, { paused: false })
  await eventually(async () => (await said()).split('speaker is up').length === 3)
  await hypervisor.destroy(guest.id)
})

test('a guest killed from outside is told of as stopped', async () => {
  const guest = await onDisk()
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: true })
  const stop = AbortSignal.timeout(20_000)
  const stopped = (async () => {
    for await (const event of hypervisor.events(stop)) {
      if (event.id === guest.id && event.event === 'stopped') return event
    }
  })()
  const pid = await readFile(join(daemon.directory, 'run', 'qemu', `${guest.name}.pid`), 'utf8')
  process.kill(Number(pid), 'SIGKILL')
  assert.deepEqual(await stopped, { id: guest.id, event: 'stopped', powerState: POWER.SHUTDOWN })
  assert.equal(await hypervisor.powerState(guest.id), POWER.SHUTDOWN)
  await hypervisor.destroy(guest.id)
})

test('a start forgets the saved memory, and so does destroy', async () => {
  const guest = await onDisk()
  const isSaved = () => host.call(saving.hasManagedSaveImage, { dom: domainOf(guest.id), flags: 0 })
  const save = async () => {
    await hypervisor.start(guest.id, { paused: false })
    await hypervisor.managedSave!(guest.id)
    assert.equal(await isSaved(), true)
  }
  await hypervisor.define(guest)
  await save()
  await hypervisor.start(guest.id, { paused: true })
  assert.equal(await isSaved(), false)
  await hypervisor.resume(guest.id)
  await save()
  await hypervisor.destroy(guest.id)
  await hypervisor.define(guest)
  assert.equal(await isSaved(), false)
  await hypervisor.destroy(guest.id)
})

test('every kind of device and property is taken by libvirt', async () => {
  const flavor = {
    ...makeGuest().flavor,
    ephemeralGb: 1,
    swapMb: 1,
    extraSpecs: { 'quota:disk_total_iops_sec': '500', 'hw_rng:rate_bytes': '100', 'hw_rng:rate_period': '1000' },
  }
  const all = {
    hw_disk_bus: 'scsi',
    hw_scsi_model: 'virtio-scsi',
    hw_vif_model: 'e1000',
    hw_qemu_guest_agent: 'yes',
    hw_watchdog_action: 'reset',
    hw_boot_menu: 'true',
    os_type: 'windows',
  }
  const kinds = [
    {},
    { flavor, configDrive: true },
    { flavor, configDrive: true, image: makeImage({ properties: all }) },
    { configDrive: true, image: makeImage({ properties: { hw_machine_type: 'q35' } }) },
    { image: makeImage({ diskFormat: 'iso' }) },
  ]
  const withDisplay = libvirtHypervisor({ host, paths, cloudTag: 'ours', ...settings, vncListen: '127.0.0.1' })
  for (const parts of kinds) {
    const vif = makeVif({ tag: 'front', tap: `kt${systemRandom.bytes(5).toString('hex')}` })
    const guest = await onDisk({ ...parts, vifs: [vif] })
    await run('ip', ['tuntap', 'add', 'dev', vif.tap, 'mode', 'tap'])
    try {
      const devices = await withDisplay.define(guest)
      assert.equal(devices.length, 1)
      assert.equal(devices[0]?.mac, vif.mac)
      assert.match(devices[0]?.address ?? '', /^0000:[0-9a-f]{2}:[0-9a-f]{2}\.0$/)
      await withDisplay.start(guest.id, { paused: true })
      assert.equal(await withDisplay.powerState(guest.id), POWER.PAUSED)
    } finally {
      await withDisplay.destroy(guest.id)
      await run('ip', ['link', 'delete', vif.tap])
    }
  }
})

test("the domain's XML agrees with libvirt's schema whatever people call things", async () => {
  const VALIDATE = 1
  const text = fc.string({ unit: 'binary', maxLength: 80 })
  await fc.assert(
    fc.asyncProperty(text, text, text, async (displayName, projectName, userName) => {
      const guest = makeGuest({ displayName, projectName, userName, vifs: [makeVif()], configDrive: true })
      guest.disks = planDisks(guest, paths, 'qcow2')
      const xml = domainXml(guest, { ...settings, cloudTag: 'ours', arch: 'x86_64', consoleLog: '/tmp/console.log' })
      await host.call(domains.defineXml, { xml, flags: VALIDATE })
      assert.equal(await hypervisor.powerState(guest.id), POWER.SHUTDOWN)
      await hypervisor.destroy(guest.id)
    }),
    { numRuns: 20 },
  )
})

test('a libvirtd that restarts keeps the guests; meanwhile calls say that it is unreachable', async () => {
  const guest = await onDisk()
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: true })
  await daemon.stop()
  await eventually(async () => !host.connected)
  await assert.rejects(hypervisor.guests(), (error) => isFault(error, 'HypervisorUnreachable'))
  daemon = await startDaemon({ directory: join(directory, 'lv') })
  await host.ready(AbortSignal.timeout(60_000))
  assert.equal(await hypervisor.powerState(guest.id), POWER.PAUSED)
  await hypervisor.destroy(guest.id)
})
