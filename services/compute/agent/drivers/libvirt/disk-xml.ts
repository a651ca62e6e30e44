// A guest's disks as libvirt's <disk> elements.
import type { GuestDisk, GuestFlavor } from '../../guest-spec.ts'
import { type Element, element } from './xml.ts'

export type CacheMode = 'default' | 'none' | 'writethrough' | 'writeback' | 'directsync' | 'unsafe'

/** How QEMU treats a host's disks. */
export interface DiskHandling {
  /** disk_cachemodes, by the kind of source. */
  cache: Record<GuestDisk['source']['kind'], CacheMode>
  /** hw_disk_discard; undefined leaves it to QEMU. */
  discard?: 'ignore' | 'unmap' | undefined
}

/** Without the host's page cache, as `native` needs it. */
const DIRECT: readonly CacheMode[] = ['none', 'directsync']

/**
 * Of the disks of a guest one; `unit` is its place on a virtio-scsi controller, for those that have one.
 * None names an error_policy: QEMU's own, which not every bus lets one name, is the right one. A write that the host
 * has no room for pauses the guest, and nothing is lost; of other failures the guest hears itself.
 */
export function diskElement(
  disk: GuestDisk,
  { flavor, handling, unit }: { flavor: GuestFlavor; handling: DiskHandling; unit?: number | undefined },
): Element {
  const { source } = disk
  // Writers on several hosts see each other's writes only when nothing is cached between them.
  const cache = disk.shareable ? 'none' : handling.cache[source.kind]
  const block = source.kind === 'block'
  return element(
    'disk',
    { type: source.kind, device: disk.device },
    element('driver', {
      name: 'qemu',
      type: disk.format,
      cache: cache === 'default' ? undefined : cache,
      io: block ? (DIRECT.includes(cache) ? 'native' : 'threads') : undefined,
      discard: disk.device === 'disk' ? handling.discard : undefined,
    }),
    element('source', block ? { dev: source.path } : { file: source.path }),
    element('target', { dev: disk.target, bus: disk.bus }),
    disk.readonly && element('readonly'),
    disk.shareable && element('shareable'),
    disk.serial !== undefined && element('serial', {}, disk.serial),
    disk.bootOrder !== undefined && element('boot', { order: disk.bootOrder }),
    disk.device === 'disk' && disk.role !== 'volume' && iotune(flavor.extraSpecs),
    unit !== undefined && element('address', { type: 'drive', controller: 0, unit }),
  )
}

const LIMITS = ['read', 'write', 'total'].flatMap((what) => [`${what}_bytes_sec`, `${what}_iops_sec`])

/** `quota:disk_{read,write,total}_{bytes,iops}_sec` */
function iotune(extraSpecs: Record<string, string>): Element | undefined {
  const limits = LIMITS.flatMap((limit) => {
    const value = extraSpecs[`quota:disk_${limit}`]
    return value === undefined ? [] : [element(limit, {}, value)]
  })
  return limits.length > 0 ? element('iotune', {}, limits) : undefined
}
