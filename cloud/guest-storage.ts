// Where the guests of this machine have their disks, as the options say.
import type { DiskBackend } from '@kilonova/compute/agent/disks/disk-backend'
import type { ImageCache } from '@kilonova/compute/agent/disks/image-cache'
import { IsolatedDisks } from '@kilonova/compute/agent/disks/isolated'
import { LocalStorage } from '@kilonova/compute/agent/disks/local-storage'
import { LvmDisks } from '@kilonova/compute/agent/disks/lvm'
import { LvmQcow2Disks } from '@kilonova/compute/agent/disks/lvm-qcow2'
import { isShared } from '@kilonova/compute/agent/disks/mounts'
import { VolumeGroup } from '@kilonova/compute/agent/disks/volume-group'
import { fault } from '@kilonova/compute/agent/faults'
import type { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import type { CloudConfig } from './config.ts'

export interface StorageNeeds {
  config: CloudConfig
  paths: InstancePaths
  images: ImageCache
  cloudTag: string
  /** The file system of the instances knows O_DIRECT. */
  direct: boolean
  /** At which other hosts reach this one. */
  address: string
}

/** Opened. Throws BackendUnavailable when new disks cannot be made here. */
export async function openGuestStorage(needs: StorageNeeds): Promise<LocalStorage> {
  const storage = guestStorage(needs)
  await storage.open()
  const { root } = needs.paths
  if (needs.config.compute.images_type === 'lvm_qcow2' && !(await isShared(root))) {
    const why = `what is mounted below ${root} does not reach libvirtd.`
    throw fault('BackendUnavailable', { backend: 'lvm_qcow2', why, fix: SHARE })
  }
  return storage
}

const SHARE = 'Run: mount --make-rshared /; then end the cloud and its libvirtd, and start the cloud again.'

function guestStorage({ config, paths, images, cloudTag, direct, address }: StorageNeeds): LocalStorage {
  const { compute } = config
  const clearing = { how: compute.volume_clear as 'zero', mb: compute.volume_clear_size }
  const { snapshot_image_format: format, isolated_disks: devices } = compute
  return new LocalStorage({
    paths,
    images,
    imagesType: compute.images_type,
    backends: volumeBackends(config, paths, cloudTag),
    withheld: async () => ((await isShared(paths.root)) ? [] : ['lvm_qcow2']),
    ephemeralFormat: compute.default_ephemeral_format,
    isolated: new IsolatedDisks({ devices, directory: paths.isolated, clearing }),
    ...(format === '' ? {} : { snapshotFormat: format as 'raw' }),
    snapshotCompression: compute.snapshot_compression,
    address,
    cache: direct ? 'none' : 'writeback',
  })
}

/** The group that volumes are made in. */
export function volumeGroup({ compute }: CloudConfig, cloudTag: string): VolumeGroup {
  const { images_volume_group: name, sparse_logical_volumes: sparse } = compute
  return new VolumeGroup({ name, cloudTag, sparse })
}

/** Known as long as a volume group is named: servers may have disks there though new ones go elsewhere. */
function volumeBackends(config: CloudConfig, paths: InstancePaths, cloudTag: string): DiskBackend[] {
  const { compute } = config
  if (compute.images_volume_group === '' && !compute.images_type.startsWith('lvm')) return []
  const group = volumeGroup(config, cloudTag)
  const clearing = { how: compute.volume_clear as 'zero', mb: compute.volume_clear_size }
  return [new LvmDisks(group, clearing), new LvmQcow2Disks(paths, group, clearing)]
}
