// Each kind of disk as the domain has it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigError } from '@kilonova/base/options'
import { XMLParser } from 'fast-xml-parser'
import { devicePlace } from '../../disks/choose-device.ts'
import type { DiskPlace } from '../../disks/disk-backend.ts'
import { type Place, placeInFiles, planDisks } from '../../disks/disk-mapping.ts'
import { LvmDisks } from '../../disks/lvm.ts'
import { LvmQcow2Disks } from '../../disks/lvm-qcow2.ts'
import { VolumeGroup } from '../../disks/volume-group.ts'
import type { GuestDisk, GuestSpec } from '../../guest-spec.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { makeGuest, makeImage } from '../../testing.ts'
import { cacheModes } from './cache-modes.ts'
import type { DiskHandling } from './disk-xml.ts'
import { domainXml } from './domain-xml.ts'

const paths = new InstancePaths('/instances')
const group = new VolumeGroup({ name: 'nova', cloudTag: 'test' })
const clearing = { how: 'zero', mb: 0 } as const
const DEFAULT: DiskHandling = { cache: cacheModes([], true) }

type Shape = Record<string, unknown>
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  isArray: (_, path, __, isAttribute) => !isAttribute && /\.(disk|controller)$/.test(String(path)),
})

function devices(guest: GuestSpec, disks: DiskHandling = DEFAULT): { disk: Shape[]; controller?: Shape[] } {
  const machine = { virtType: 'qemu', arch: 'x86_64', cpuMode: 'none', cpuModel: '', tbCacheMb: 0 } as const
  const host = { ...machine, cloudTag: 'c', vnc: false, disks, memStatsPeriod: 0, consoleLog: '/console' }
  return parser.parse(domainXml(guest, host)).domain.devices
}

/** A guest whose disks are on one backend. */
function guestOn(place: (guest: string, name: string) => DiskPlace, parts: Partial<GuestSpec> = {}): GuestSpec {
  const guest = makeGuest(parts)
  const files = placeInFiles(paths, guest.id, 'raw')
  const on: Place = (disk) => (disk.device === 'cdrom' ? files(disk) : place(guest.id, disk.name))
  return { ...guest, disks: planDisks(guest, on) }
}
const inFiles = (backend: 'raw' | 'qcow2') => (guest: string, name: string) =>
  placeInFiles(paths, guest, backend)({ role: 'root', name, device: 'disk' })
const withProperties = (properties: Record<string, string>) => ({ image: makeImage({ properties }) })

describe('disks in the domain', () => {
  const first = (guest: GuestSpec, handling?: DiskHandling): Shape => devices(guest, handling).disk[0]!
  const VDA = { dev: 'vda', bus: 'virtio' }

  it('seed-8.5.15-1: raw is a file', () => {
    const guest = guestOn(inFiles('raw'))
    assert.deepEqual(first(guest), {
      type: 'file',
      device: 'disk',
      driver: { name: 'qemu', type: 'raw', cache: 'none' },
      source: { file: `/instances/${guest.id}/disk` },
      target: VDA,
    })
  })

  it('seed-8.5.15-2: qcow2 is a file, cached where O_DIRECT is not known', () => {
    const guest = guestOn(inFiles('qcow2'))
    assert.deepEqual(first(guest)['driver'], { name: 'qemu', type: 'qcow2', cache: 'none' })
    const cached = first(guest, { cache: cacheModes([], false) })
    assert.deepEqual(cached['driver'], { name: 'qemu', type: 'qcow2', cache: 'writeback' })
    assert.deepEqual(cached['source'], { file: `/instances/${guest.id}/disk` })
  })

  it('seed-8.5.15-3: lvm is a block device without cache', () => {
    const lvm = new LvmDisks(group, clearing)
    const guest = guestOn((id, name) => lvm.place(id, name))
    assert.deepEqual(first(guest), {
      type: 'block',
      device: 'disk',
      driver: { name: 'qemu', type: 'raw', cache: 'none', io: 'native' },
      source: { dev: `/dev/nova/${guest.id}_disk` },
      target: VDA,
    })
  })

  it('seed-8.5.15-4: an isolated disk is the whole device', () => {
    const flavor = { ...makeGuest().flavor, ephemeralGb: 1 }
    const device = devicePlace('/dev/sdx')
    const guest = guestOn((id, name) => (name === 'disk.eph0' ? device : inFiles('qcow2')(id, name)), { flavor })
    assert.deepEqual(devices(guest).disk[1], {
      type: 'block',
      device: 'disk',
      driver: { name: 'qemu', type: 'raw', cache: 'none', io: 'native' },
      source: { dev: '/dev/sdx' },
      target: { dev: 'vdb', bus: 'virtio' },
    })
    assert.deepEqual(first(guestOn(() => device))['target'], VDA)
  })

  it('seed-8.5.15-5: qcow2 on a volume of its own is a file below the server’s folder', () => {
    const backend = new LvmQcow2Disks(paths, group, clearing)
    const guest = guestOn((id, name) => backend.place(id, name))
    assert.deepEqual(first(guest), {
      type: 'file',
      device: 'disk',
      driver: { name: 'qemu', type: 'qcow2', cache: 'none' },
      source: { file: `/instances/${guest.id}/disk/disk` },
      target: VDA,
    })
  })

  it('seed-8.5.15-6: the config drive is last and a read-only CD, on the bus that the machine has', () => {
    const volume: GuestDisk = {
      ...{ role: 'volume', backend: 'volume', source: { kind: 'block', path: '/dev/v' }, format: 'raw' },
      ...{ device: 'disk', bus: 'virtio', target: 'vdb', size: 1, serial: 'the-volume' },
    }
    for (const [properties, target] of [
      [{}, { dev: 'hda', bus: 'ide' }],
      [{ hw_machine_type: 'q35' }, { dev: 'sda', bus: 'sata' }],
      [{ hw_architecture: 'aarch64' }, { dev: 'sda', bus: 'scsi' }],
      [{ hw_cdrom_bus: 'virtio' }, { dev: 'vdb', bus: 'virtio' }],
    ] as const) {
      const guest = guestOn(inFiles('qcow2'), { ...withProperties(properties), configDrive: true })
      guest.disks.push({ ...volume, target: 'vdc' })
      const { disk } = devices(guest)
      assert.equal(disk.length, 3)
      assert.deepEqual(disk.at(-1), {
        type: 'file',
        device: 'cdrom',
        driver: { name: 'qemu', type: 'raw', cache: 'none' },
        source: { file: `/instances/${guest.id}/disk.config` },
        target,
        readonly: '',
      })
      assert.equal(disk[1]?.['serial'], 'the-volume')
    }
  })

  it('seed-8.5.15-7: hw_disk_bus=scsi with virtio-scsi has one controller and a unit for each disk', () => {
    const properties = { hw_disk_bus: 'scsi', hw_scsi_model: 'virtio-scsi' }
    const flavor = { ...makeGuest().flavor, ephemeralGb: 1, swapMb: 1 }
    const { disk, controller } = devices(guestOn(inFiles('qcow2'), { ...withProperties(properties), flavor }))
    assert.deepEqual(controller, [{ type: 'scsi', index: '0', model: 'virtio-scsi' }])
    assert.deepEqual(
      disk.map(({ target, address }) => [target, address]),
      ['sda', 'sdb', 'sdc'].map((dev, unit) => [
        { dev, bus: 'scsi' },
        { type: 'drive', controller: '0', unit: String(unit) },
      ]),
    )
    const [plain] = devices(guestOn(inFiles('qcow2'), withProperties({ hw_disk_bus: 'scsi' }))).disk
    assert.equal(plain?.['address'], undefined)
  })

  it('seed-8.5.15-8: quota:disk_* are limits of each disk, not of CD-ROMs', () => {
    const extraSpecs = { 'quota:disk_total_iops_sec': '500', 'quota:disk_read_bytes_sec': '1000' }
    const flavor = { ...makeGuest().flavor, swapMb: 1, extraSpecs }
    const { disk } = devices(guestOn(inFiles('qcow2'), { flavor, configDrive: true }))
    const limits = { read_bytes_sec: 1000, total_iops_sec: 500 }
    assert.deepEqual(
      disk.map(({ iotune }) => iotune),
      [limits, limits, undefined],
    )
  })

  it('cache modes are those of the option; native needs one without cache', () => {
    const device = guestOn(() => devicePlace('/dev/sdx'))
    const driver = (modes: string[], guest = device, parts: Partial<DiskHandling> = {}) =>
      first(guest, { cache: cacheModes(modes, true), ...parts })['driver']
    assert.deepEqual(driver(['block=writeback']), { name: 'qemu', type: 'raw', cache: 'writeback', io: 'threads' })
    assert.deepEqual(driver(['block=directsync']), { name: 'qemu', type: 'raw', cache: 'directsync', io: 'native' })
    assert.deepEqual(driver(['block=default']), { name: 'qemu', type: 'raw', io: 'threads' })
    const file = guestOn(inFiles('raw'))
    assert.deepEqual(driver(['file=unsafe', 'network=none'], file), { name: 'qemu', type: 'raw', cache: 'unsafe' })
    for (const wrong of ['file', 'file=fast', 'tape=none', ''])
      assert.throws(() => cacheModes([wrong], true), ConfigError)
  })

  it('discard is passed on for disks', () => {
    const guest = guestOn(inFiles('raw'), { configDrive: true })
    const { disk } = devices(guest, { ...DEFAULT, discard: 'unmap' })
    assert.deepEqual(
      disk.map(({ driver }) => (driver as Shape)['discard']),
      ['unmap', undefined],
    )
  })

  it('a disk that several guests write has no cache and says so', () => {
    const guest = guestOn(() => devicePlace('/dev/sdx'))
    const disks = guest.disks.map((disk) => ({ ...disk, shareable: true }))
    const disk = first({ ...guest, disks }, { cache: cacheModes(['block=writeback'], true) })
    assert.equal(disk['shareable'], '')
    assert.deepEqual(disk['driver'], { name: 'qemu', type: 'raw', cache: 'none', io: 'native' })
  })

  it('no disk gives up on a write that the host has no room for: QEMU pauses the guest by itself', () => {
    const flavor = { ...makeGuest().flavor, ephemeralGb: 1, swapMb: 1 }
    const ours = [inFiles('raw'), inFiles('qcow2'), () => devicePlace('/dev/sdx')]
    for (const place of ours) {
      for (const cache of ['none', 'writeback', 'unsafe']) {
        const handling = { cache: cacheModes([`file=${cache}`, `block=${cache}`], true), discard: 'unmap' } as const
        const { disk } = devices(guestOn(place, { flavor, configDrive: true }), handling)
        assert.equal(disk.length, 4)
        for (const { driver } of disk)
          assert.deepEqual(
            Object.keys(driver as Shape).filter((name) => /policy/.test(name)),
            [],
          )
      }
    }
  })

  it('a disk that boots first is named on itself', () => {
    const guest = guestOn(inFiles('raw'))
    const disks = [...guest.disks, { ...guest.disks[0]!, role: 'rescue' as const, target: 'vdb', bootOrder: 1 }]
    const { disk } = devices({ ...guest, disks })
    assert.deepEqual(
      disk.map(({ boot }) => boot),
      [undefined, { order: '1' }],
    )
  })
})
