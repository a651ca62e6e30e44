// A guest's disks as libvirt's <disk> elements.
import type { GuestDisk, GuestFlavor } from '../../guest-spec.ts'
import { type Element, element } from './xml.ts'

/** `cache`: the mode for files, `none` where the file system knows O_DIRECT, else `writeback`. */
export function diskElement(disk: GuestDisk, flavor: GuestFlavor, cache: string): Element {
  const { source } = disk
  const block = source.kind === 'block'
  return element(
    'disk',
    { type: source.kind, device: disk.device },
    element('driver', {
      name: 'qemu',
      type: disk.format,
      cache: block ? 'none' : cache,
      io: block ? 'native' : undefined,
    }),
    element('source', block ? { dev: source.path } : { file: source.path }),
    element('target', { dev: disk.target, bus: disk.bus }),
    disk.readonly && element('readonly'),
    disk.serial !== undefined && element('serial', {}, disk.serial),
    disk.device === 'disk' && disk.role !== 'volume' && iotune(flavor.extraSpecs),
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
