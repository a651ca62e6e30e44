import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import { blockCopy } from '@kilonova/libvirt/constants'
import { type Daemon, pathOutside, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { blocks } from '@kilonova/libvirt/procedures/block'
import { domains } from '@kilonova/libvirt/procedures/domain'
import { saving } from '@kilonova/libvirt/procedures/saving'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import { domainOf } from '@kilonova/libvirt/wire-types'
import fc from 'fast-check'
import { LOCAL_BUSES } from '../../../disk-words.ts'
import { placeInFiles, planDisks } from '../../disks/disk-mapping.ts'
import { createBlank } from '../../disks/qemu-img.ts'
import type { GuestBlockDevice, GuestSpec } from '../../guest-spec.ts'
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
  vnc: true,
  disks: { cache: { file: 'writeback', block: 'none' } },
  memStatsPeriod: 10,
} as const

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kn-agent-'))
  daemon = await startDaemon({ directory: join(directory, 'lv') })
  host = LibvirtHost.start({ connect: unixSocket(daemon.socket) })
  paths = new InstancePaths(join(directory, 'instances'))
  await host.ready(AbortSignal.timeout(60_000))
  const common = { host, paths, pathOutside: (path: string) => pathOutside(daemon.directory, path), ...settings }
  hypervisor = libvirtHypervisor({ ...common, cloudTag: 'ours' })
  stranger = libvirtHypervisor({ ...common, cloudTag: 'theirs' })
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
  guest.disks = planDisks(guest, placeInFiles(paths, guest.id, 'raw'))
  for (const { source } of guest.disks) await writeFile(source.path, bootableDisk(`${guest.hostname} is up`))
  return guest
}

/** An empty file that stands on what the guest's disk stands on: nothing. */
async function delta({ disks }: GuestSpec): Promise<string> {
  const folder = paths.snapshot(systemRandom.uuid())
  await mkdir(folder, { recursive: true })
  const { size } = await stat(disks[0]!.source.path)
  await createBlank(join(folder, 'delta'), 'qcow2', size)
  return join(folder, 'delta')
}

hypervisorContract('libvirt', {
  hypervisor: () => hypervisor,
  stranger: () => stranger,
  guest: onDisk,
  hasGuestAgent: false,
  delta,
})

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

test('a guest boots from the disk that comes first in its boot order, wherever it is attached', async () => {
  const guest = await onDisk({ hostname: 'own' })
  const said = async () => Buffer.from(await hypervisor.consoleOutput(guest.id, 1000)).toString()
  const [root] = guest.disks
  const path = paths.file(guest.id, 'disk.rescue')
  await writeFile(path, bootableDisk('rescue is up'))
  const rescue = { ...root!, role: 'rescue', source: { kind: 'file', path }, target: 'vdb', bootOrder: 1 } as const
  await hypervisor.define({ ...guest, disks: [root!, rescue] })
  await hypervisor.start(guest.id, { paused: false })
  await eventually(async () => (await said()).includes('rescue is up'))
  await hypervisor.stop(guest.id, 'force')
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: false })
  await eventually(async () => (await said()).includes('own is up'))
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

test('what a process that died while it copied a disk has left is ended', async () => {
  const guest = await onDisk()
  const dom = domainOf(guest.id)
  const { target } = guest.disks[0]!
  await hypervisor.define(guest)
  await hypervisor.start(guest.id, { paused: false })
  const job = () => host.call(blocks.getJobInfo, { dom, path: target, flags: 0 })
  const { SHALLOW, REUSE_EXT, TRANSIENT_JOB } = blockCopy
  const flags = SHALLOW | REUSE_EXT | TRANSIENT_JOB
  for (const note of [{}, { frozen: true }, { held: true }]) {
    const file = await delta(guest)
    await writeFile(paths.file(guest.id, 'disk-copy.json'), JSON.stringify(note))
    const destination = `<disk type='file'><driver type='qcow2'/><source file='${file}'/></disk>`
    await host.call(blocks.copy, { dom, path: target, destination, params: [], flags })
    assert.equal((await job()).found, true)
    const copies = libvirtHypervisor({ host, paths, cloudTag: 'ours', ...settings }).diskCopies!
    assert.deepEqual(await copies.begun(), [guest.id])
    for (let i = 0; i < 2; i++) await copies.release(guest.id)
    assert.equal((await job()).found, false)
    assert.deepEqual(await copies.begun(), [])
    assert.equal(await hypervisor.powerState(guest.id), POWER.RUNNING)
  }
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
  for (const parts of kinds) {
    const vif = makeVif({ tag: 'front', tap: `kt${systemRandom.bytes(5).toString('hex')}` })
    const guest = await onDisk({ ...parts, vifs: [vif] })
    await run('ip', ['tuntap', 'add', 'dev', vif.tap, 'mode', 'tap'])
    try {
      const devices = await hypervisor.define(guest)
      assert.equal(devices.length, 1)
      assert.equal(devices[0]?.mac, vif.mac)
      assert.match(devices[0]?.address ?? '', /^0000:[0-9a-f]{2}:[0-9a-f]{2}\.0$/)
      await hypervisor.start(guest.id, { paused: true })
      assert.equal(await hypervisor.powerState(guest.id), POWER.PAUSED)
    } finally {
      await hypervisor.destroy(guest.id)
      await run('ip', ['link', 'delete', vif.tap])
    }
  }
})

test('disks may be on any bus that users can ask for, the root as a CD-ROM too, and are found by their tags', async () => {
  const flavor = { ...makeGuest().flavor, ephemeralGb: 3, swapMb: 1 }
  const wish = (parts: Partial<GuestBlockDevice>): GuestBlockDevice => ({
    ...{ role: 'ephemeral', size: 1, guestFormat: null, device: null, bus: null, imagesType: null, tag: null },
    ...parts,
  })
  const root = wish({ role: 'root', size: null, device: 'cdrom', tag: 'system' })
  const buses = LOCAL_BUSES.filter((bus) => bus !== 'ide').map((bus) => wish({ bus, tag: bus }))
  const swap = wish({ role: 'swap', bus: 'ide', tag: 'swap' })
  const guest = await onDisk({ flavor, configDrive: true, blockDevices: [root, ...buses, swap] })
  const devices = await hypervisor.define(guest)
  assert.deepEqual(
    guest.disks.map(({ device, target }) => `${device} ${target}`),
    ['cdrom hda', 'disk vda', 'disk sda', 'disk sdb', 'disk sdc', 'disk hdb', 'cdrom hdc'],
  )
  assert.deepEqual(
    devices.map(({ type, bus, tags }) => [type, bus, tags]),
    [
      ['disk', 'ide', ['system']],
      ['disk', 'pci', ['virtio']],
      ['disk', 'scsi', ['scsi']],
      ['disk', 'none', ['sata']],
      ['disk', 'usb', ['usb']],
      ['disk', 'ide', ['swap']],
    ],
  )
  assert.match(devices[1]!.address, /^0000:[0-9a-f]{2}:[0-9a-f]{2}\.0$/)
  await hypervisor.start(guest.id, { paused: true })
  assert.equal(await hypervisor.powerState(guest.id), POWER.PAUSED)
  await hypervisor.destroy(guest.id)
  const five = Array.from({ length: 4 }, () => wish({ bus: 'ide' }))
  const crowded = makeGuest({ flavor, configDrive: true, blockDevices: [root, ...five] })
  const place = placeInFiles(paths, crowded.id, 'raw')
  assert.throws(() => planDisks(crowded, place), /the bus ide has room for 4 disks/)
})

test("the domain's XML agrees with libvirt's schema whatever people call things", async () => {
  const VALIDATE = 1
  const text = fc.string({ unit: 'binary', maxLength: 80 })
  await fc.assert(
    fc.asyncProperty(text, text, text, async (displayName, projectName, userName) => {
      const guest = makeGuest({ displayName, projectName, userName, vifs: [makeVif()], configDrive: true })
      guest.disks = planDisks(guest, placeInFiles(paths, guest.id, 'qcow2'))
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
