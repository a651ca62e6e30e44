// Guests that boot from each kind of disk, and what libvirt then says of it.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { type Daemon, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { domains } from '@kilonova/libvirt/procedures/domain'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import { domainOf } from '@kilonova/libvirt/wire-types'
import { XMLParser } from 'fast-xml-parser'
import { knowsDirectIo } from '../../disks/direct-io.ts'
import { GB, MB } from '../../disks/disk-mapping.ts'
import { ImageCache } from '../../disks/image-cache.ts'
import { IsolatedDisks } from '../../disks/isolated.ts'
import { LocalStorage } from '../../disks/local-storage.ts'
import { LvmDisks } from '../../disks/lvm.ts'
import { LvmQcow2Disks } from '../../disks/lvm-qcow2.ts'
import { isShared } from '../../disks/mounts.ts'
import { type LoopDevice, loopDevice, TestVolumeGroup } from '../../disks/testing.ts'
import type { GuestSpec } from '../../guest-spec.ts'
import type { Hypervisor } from '../../hypervisor.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { bootableDisk, makeGuest, makeImage } from '../../testing.ts'
import { cacheModes } from './cache-modes.ts'
import { libvirtHypervisor } from './libvirt-hypervisor.ts'

type Disk = Record<string, Record<string, string> | string>
const CLEARING = { how: 'zero', mb: 1 } as const
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (_, path) => String(path) === 'domain.devices.disk',
})

describe('a guest boots from', () => {
  let directory: string
  let daemon: Daemon
  let host: LibvirtHost
  let hypervisor: Hypervisor
  let paths: InstancePaths
  let volumes: TestVolumeGroup
  let device: LoopDevice
  let cache: string | undefined
  const image = makeImage({ diskFormat: 'raw' })

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kn-disks-'))
    const root = join(directory, 'instances')
    await mkdir(root)
    // As on a host with systemd: what is mounted there reaches the daemon, which has a view of its own.
    await run('mount', ['--bind', root, root])
    await run('mount', ['--make-shared', root])
    paths = new InstancePaths(root)
    await writeFile(join(directory, 'image'), bootableDisk('the disk is up'))
    volumes = await TestVolumeGroup.make(GB)
    device = await loopDevice(join(directory, 'device'), 32 * MB)
    daemon = await startDaemon({ directory: join(directory, 'lv') })
    host = LibvirtHost.start({ connect: unixSocket(daemon.socket) })
    await host.ready(AbortSignal.timeout(60_000))
    const direct = await knowsDirectIo(root)
    cache = direct ? 'none' : 'writeback'
    hypervisor = libvirtHypervisor({
      ...{ host, paths, cloudTag: directory, virtType: 'qemu', cpuMode: 'none', cpuModel: '', tbCacheMb: 16 },
      ...{ vnc: false, disks: { cache: cacheModes([], direct), discard: 'unmap' }, memStatsPeriod: 0 },
    })
  })
  after(async () => {
    for (const { id } of (await hypervisor?.guests()) ?? []) await hypervisor.destroy(id)
    await host?.close()
    await daemon?.stop()
    await volumes?.close()
    await device?.detach()
    await run('umount', ['--recursive', paths.root])
    await rm(directory, { recursive: true, force: true })
  })

  const storageOf = async (imagesType: string): Promise<LocalStorage> => {
    const source = { open: async () => ({ path: join(directory, 'image') }) }
    const group = volumes.group()
    const storage = new LocalStorage({
      ...{ paths, images: new ImageCache({ paths, source, inspect: async () => undefined }), imagesType },
      backends: [new LvmDisks(group, CLEARING), new LvmQcow2Disks(paths, group, CLEARING)],
      isolated: new IsolatedDisks({ devices: [device.path], directory: paths.isolated, clearing: CLEARING }),
    })
    await storage.open()
    await storage.prepareImage(image)
    return storage
  }
  const disksOf = async (guest: GuestSpec): Promise<Disk[]> =>
    parser.parse(await host.call(domains.getXmlDesc, { dom: domainOf(guest.id), flags: 0 })).domain.devices.disk

  /** The disks as libvirt has them while the guest runs from the first. */
  async function booted(
    imagesType: string,
    parts: Partial<GuestSpec> = {},
  ): Promise<{ guest: GuestSpec; disks: Disk[] }> {
    const storage = await storageOf(imagesType)
    const guest = makeGuest({ image, ...parts })
    guest.disks = await storage.createDisks(guest)
    await storage.makeConfigDrive(guest, async () => new Map([['a', Buffer.from(systemRandom.uuid())]]))
    await hypervisor.define(guest)
    await hypervisor.start(guest.id, { paused: false })
    for (let waited = 0; ; waited += 50) {
      const said = Buffer.from(await hypervisor.consoleOutput(guest.id, 1000)).toString()
      if (said.includes('the disk is up')) break
      assert.ok(waited < 60_000, `it did not boot from ${imagesType}: ${said}`)
      await systemClock.sleep(50)
    }
    const disks = await disksOf(guest)
    await hypervisor.destroy(guest.id)
    await storage.deleteFiles(guest.id)
    assert.deepEqual(await storage.holdings(), [])
    return { guest, disks }
  }

  it('a raw file', async () => {
    const { guest, disks } = await booted('raw')
    assert.deepEqual(disks[0]!['driver'], { name: 'qemu', type: 'raw', cache, discard: 'unmap' })
    assert.equal((disks[0]!['source'] as Record<string, string>)['file'], paths.file(guest.id, 'disk'))
    assert.deepEqual(disks[0]!['target'], { dev: 'vda', bus: 'virtio' })
  })

  it('a qcow2 file, on scsi with limits and a config drive behind it', async () => {
    const properties = { hw_disk_bus: 'scsi', hw_scsi_model: 'virtio-scsi' }
    const flavor = { ...makeGuest().flavor, swapMb: 1, extraSpecs: { 'quota:disk_total_iops_sec': '500' } }
    const { disks } = await booted('qcow2', { image: { ...image, properties }, flavor, configDrive: true })
    assert.deepEqual(disks[0]!['driver'], { name: 'qemu', type: 'qcow2', cache, discard: 'unmap' })
    assert.deepEqual(
      disks.map(({ device: kind, target, iotune }) => [kind, target, iotune]),
      [
        ['disk', { dev: 'sda', bus: 'scsi' }, { total_iops_sec: 500 }],
        ['disk', { dev: 'sdb', bus: 'scsi' }, { total_iops_sec: 500 }],
        ['cdrom', { dev: 'hda', bus: 'ide' }, undefined],
      ],
    )
    assert.deepEqual(
      disks.slice(0, 2).map(({ address }) => (address as Record<string, string>)['unit']),
      ['0', '1'],
    )
    assert.equal(disks[2]!['readonly'], '')
  })

  it('a logical volume', async () => {
    const { disks } = await booted('lvm')
    assert.equal(disks[0]!['type'], 'block')
    assert.deepEqual(disks[0]!['driver'], { name: 'qemu', type: 'raw', cache: 'none', io: 'native', discard: 'unmap' })
  })

  it('qcow2 on a logical volume of its own', async () => {
    assert.equal(await isShared(paths.root), true)
    const { guest, disks } = await booted('lvm_qcow2')
    assert.deepEqual(disks[0]!['driver'], { name: 'qemu', type: 'qcow2', cache, discard: 'unmap' })
    assert.equal((disks[0]!['source'] as Record<string, string>)['file'], paths.file(guest.id, 'disk/disk'))
  })

  it('a whole device', async () => {
    const flavor = { ...makeGuest().flavor, extraSpecs: { 'resources:CUSTOM_DISK_ISOLATED': '1' } }
    const { disks } = await booted('qcow2', { flavor })
    assert.equal(disks[0]!['type'], 'block')
    assert.deepEqual(disks[0]!['driver'], { name: 'qemu', type: 'raw', cache: 'none', io: 'native', discard: 'unmap' })
    assert.equal((disks[0]!['source'] as Record<string, string>)['dev'], device.path)
  })
})
