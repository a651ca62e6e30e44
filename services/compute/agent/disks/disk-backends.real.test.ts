// Every disk backend against the same contract, on files, logical volumes and whole devices.
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { InstancePaths } from '../instance-paths.ts'
import type { DiskBackend } from './disk-backend.ts'
import { diskBackendContract } from './disk-backend-contract.ts'
import { MB } from './disk-mapping.ts'
import { IsolatedDisks } from './isolated.ts'
import { LvmDisks } from './lvm.ts'
import { LvmQcow2Disks } from './lvm-qcow2.ts'
import { Qcow2Disks } from './qcow2.ts'
import { RawDisks } from './raw.ts'
import { type LoopDevice, loopDevice, TestVolumeGroup } from './testing.ts'

const CLEARING = { how: 'zero', mb: 1 } as const
const DEVICE_SIZE = 24 * MB

const directory = mkdtempSync(join(tmpdir(), 'kilonova-backends-'))
const paths = new InstancePaths(join(directory, 'instances'))
let volumes: TestVolumeGroup
let device: LoopDevice
before(async () => {
  volumes = await TestVolumeGroup.make(320 * MB)
  device = await loopDevice(join(directory, 'device'), DEVICE_SIZE)
})
after(async () => {
  await volumes?.close()
  await device?.detach()
  await rm(directory, { recursive: true })
})

const folder = (guest: string): string => paths.directory(guest)

async function opened(backend: DiskBackend): Promise<DiskBackend> {
  await backend.open()
  return backend
}

const isolated = (): IsolatedDisks =>
  new IsolatedDisks({ devices: [device.path], directory: join(directory, 'isolated'), clearing: CLEARING })

diskBackendContract('raw', { folder, open: () => opened(new RawDisks(paths)) })
diskBackendContract('qcow2', { folder, open: () => opened(new Qcow2Disks(paths)) })
diskBackendContract('lvm', { folder, open: () => opened(new LvmDisks(volumes.group(), CLEARING)) })
diskBackendContract('lvm_qcow2', {
  folder,
  open: () => opened(new LvmQcow2Disks(paths, volumes.group(), CLEARING)),
})
diskBackendContract('isolated', {
  folder,
  open: () => opened(isolated()),
  claim: (guest, size) => isolated().claim({ guest, size }),
  fixedSize: DEVICE_SIZE,
})
