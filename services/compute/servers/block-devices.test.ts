// What a request for a new server may say of block devices, and what it is told otherwise.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Fault } from '@kilonova/base/fault'
import type { GuestFlavor } from '../agent/guest-spec.ts'
import { askedBlockDevices } from './block-devices.ts'
import { refuseMisfits } from './fitting-block-devices.ts'
import type { NewServer } from './schema.ts'

const IMAGE = '70a599e0-31e7-49b7-b260-868f441e862b'
const OTHER = '11111111-2222-4333-8444-555555555555'
const ROOT = { source_type: 'image', destination_type: 'local', uuid: IMAGE, boot_index: 0 } as const
const BLANK = { source_type: 'blank', destination_type: 'local' } as const
const FLAVOR: GuestFlavor = {
  ...{ name: 'm1', vcpus: 1, memoryMb: 64, rootGb: 1, ephemeralGb: 4, swapMb: 64 },
  extraSpecs: {},
}

type Device = NonNullable<NewServer['block_device_mapping_v2']>[number]
type Legacy = NonNullable<NewServer['block_device_mapping']>[number]

function judge(server: Partial<NewServer>, flavor: Partial<GuestFlavor> = {}, most = 10) {
  const devices = askedBlockDevices({ name: 'one', flavorRef: '1', imageRef: IMAGE, ...server } as NewServer)
  refuseMisfits(devices, { flavor: { ...FLAVOR, ...flavor }, imageId: IMAGE, most })
  return devices
}

const refused = (say: string, ...asked: Parameters<typeof judge>) =>
  assert.throws(
    () => judge(...asked),
    (error: Fault) => error.status === 400 && error.message.startsWith(say),
    say,
  )

const v2 = (...devices: Device[]) => ({ block_device_mapping_v2: devices })
const withRoot = (...devices: Device[]) => v2(ROOT, ...devices)
const v1 = (...devices: Legacy[]) => ({ block_device_mapping: devices })

const INVALID = 'Block Device Mapping is Invalid: '
const SEQUENCE = `${INVALID}Boot sequence for the instance and image/block device mapping combination is not valid.`
const IMAGE_TO_LOCAL = `${INVALID}Mapping image to local is not supported.`
const EPHEMERAL = 'Ephemeral disks requested are larger than the instance type allows.'
const SWAP = 'Swap drive requested is larger than instance type allows.'
const ISOLATED = { 'resources:CUSTOM_DISK_ISOLATED': '1' }

// biome-ignore format: a table
const WRONG: [says: string, ...asked: Parameters<typeof judge>][] = [
  ['Using different block_device_mapping syntaxes is not allowed', { ...withRoot(), ...v1({ virtual_name: 'swap' }) }],
  [`${INVALID}Invalid device UUID.`, withRoot({ ...BLANK, uuid: OTHER })],
  [`${INVALID}Missing device UUID.`, v2({ source_type: 'image', destination_type: 'local', boot_index: 0 })],
  [`${INVALID}Some required fields are missing: source_type`, withRoot({ destination_type: 'local', uuid: OTHER })],
  [`${INVALID}Some required fields are missing: destination_type`, withRoot({ source_type: 'blank' })],
  [IMAGE_TO_LOCAL, v2({ ...ROOT, boot_index: 1 })],
  [IMAGE_TO_LOCAL, v2({ ...ROOT, boot_index: null })],
  [IMAGE_TO_LOCAL, { ...v2(ROOT), imageRef: '' }],
  [`${INVALID}Boot index is invalid.`, v2({ ...ROOT, boot_index: 'first' })],
  [`${INVALID}Specifying a volume_type with destination_type=local is not supported`, withRoot({ ...BLANK, volume_type: 'gold' })],
  [`${INVALID}Specifying volume type to existing volume is not supported.`, withRoot({ source_type: 'volume', destination_type: 'volume', uuid: OTHER, volume_type: 'gold' })],
  [`${INVALID}failed to get volume ${OTHER}. This cloud has no volume service`, v2({ source_type: 'volume', destination_type: 'volume', uuid: OTHER, boot_index: 0 })],
  [`${INVALID}failed to get snapshot ${OTHER}.`, v2({ source_type: 'snapshot', destination_type: 'volume', uuid: OTHER, boot_index: 0 })],
  [`${INVALID}an image cannot become a volume.`, v2({ ...ROOT, destination_type: 'volume', volume_size: 1 })],
  [`${INVALID}a blank disk cannot become a volume.`, withRoot({ ...BLANK, destination_type: 'volume', volume_size: 1 })],
  [`${INVALID}Unrecognized legacy format.`, v1({ virtual_name: 'ephemeralX' })],
  [`${INVALID}failed to get volume ${OTHER}.`, v1({ volume_id: OTHER, device_name: 'vda' })],
  [`${INVALID}failed to get snapshot ${OTHER}.`, v1({ snapshot_id: OTHER, device_name: 'vda' })],
  [SEQUENCE, v2(BLANK)],
  [SEQUENCE, v2({ ...BLANK, boot_index: 0 })],
  [SEQUENCE, withRoot({ ...BLANK, boot_index: 0 })],
  [SEQUENCE, withRoot({ ...BLANK, boot_index: 2 })],
  [`${INVALID}image ${OTHER} is not the one of imageRef`, v2({ ...ROOT, uuid: OTHER })],
  ['Block Device Mapping is invalid: The provided disk bus fdc is not valid.', withRoot({ ...BLANK, disk_bus: 'fdc' })],
  [`${INVALID}device_type cdrom is not supported for a blank local disk.`, withRoot({ ...BLANK, device_type: 'cdrom' })],
  [`${INVALID}device_type lun is not supported for an image on a local disk. Use disk or cdrom.`, v2({ ...ROOT, device_type: 'lun' })],
  [`${INVALID}a device of type cdrom cannot be on the bus virtio.`, v2({ ...ROOT, device_type: 'cdrom', disk_bus: 'virtio' })],
  [`${INVALID}btrfs format is not supported.`, withRoot({ ...BLANK, guest_format: 'btrfs' })],
  [EPHEMERAL, withRoot({ ...BLANK, volume_size: 5 })],
  [EPHEMERAL, withRoot({ ...BLANK, volume_size: 2 }, { ...BLANK, volume_size: 3 })],
  [EPHEMERAL, withRoot({ ...BLANK, volume_size: 1 }, BLANK)],
  [EPHEMERAL, withRoot(BLANK), { ephemeralGb: 0 }],
  [`${INVALID}More than one swap drive requested.`, withRoot({ ...BLANK, guest_format: 'swap' }, { ...BLANK, guest_format: 'swap' })],
  [SWAP, withRoot({ ...BLANK, guest_format: 'swap', volume_size: 65 })],
  [SWAP, v1({ virtual_name: 'swap' }), { swapMb: 0 }],
  [`${INVALID}You specified more local devices than the limit allows`, withRoot(BLANK), {}, 2],
  [`${INVALID}You specified more local devices than the limit allows`, {}, {}, 2],
  [`${INVALID}volume_type isolated: the flavor sets no whole device aside for the ephemeral disk.`, withRoot({ ...BLANK, volume_type: 'isolated' }), { extraSpecs: ISOLATED }],
  [`${INVALID}volume_type raw: the root disk of this flavor is a whole device.`, v2({ ...ROOT, volume_type: 'raw' }), { extraSpecs: ISOLATED }],
  [`${INVALID}the ephemeral disk of this flavor is a whole device: there can only be one.`, withRoot({ ...BLANK, volume_size: 1 }, { ...BLANK, volume_size: 1 }), { extraSpecs: { ...ISOLATED, 'kilonova:isolated_disk': 'ephemeral' } }],
]

describe('block devices of a new server', () => {
  it('that are wrong are refused in Nova’s words', () => {
    for (const [says, ...asked] of WRONG) refused(says, ...asked)
  })

  it('are refused for their form before they are for being volumes, and for their boot order before their sizes', () => {
    const volume = { source_type: 'volume', destination_type: 'volume', uuid: OTHER } as const
    refused(`${INVALID}Invalid device UUID.`, v2(volume, { ...BLANK, uuid: OTHER }))
    refused(SEQUENCE, v2({ ...BLANK, volume_size: 100, disk_bus: 'fdc' }))
    refused(
      'Block Device Mapping is invalid: The provided disk bus',
      withRoot({ ...BLANK, volume_size: 100, disk_bus: 'xen' }),
    )
  })

  it('may be none at all, or fill the flavor', () => {
    assert.deepEqual(judge({}), [])
    assert.deepEqual(judge({}, { ephemeralGb: 0, swapMb: 0 }, 1), [])
    assert.equal(
      judge(withRoot({ ...BLANK, volume_size: 1 }, { ...BLANK, volume_size: 3, boot_index: 1 }), {}, 4).length,
      3,
    )
    assert.equal(judge(v2(ROOT, { no_device: true, device_name: 'vdb' })).length, 1)
    assert.equal(judge(v2({ ...ROOT, volume_type: 'isolated' }), { extraSpecs: ISOLATED }).length, 1)
  })

  it('of the older form are read as the newer', () => {
    const [root, swap, ephemeral] = judge(
      v1({ virtual_name: 'swap', volume_size: 8, device_name: 'vdc' }, { virtual_name: 'ephemeral10' }),
    )
    assert.deepEqual([root?.source_type, root?.image_id, root?.boot_index], ['image', IMAGE, 0])
    assert.deepEqual([swap?.source_type, swap?.guest_format, swap?.volume_size], ['blank', 'swap', 8])
    assert.equal(swap?.device_name, '/dev/vdc')
    assert.deepEqual([ephemeral?.guest_format, ephemeral?.volume_size, ephemeral?.boot_index], [null, null, -1])
  })
})
