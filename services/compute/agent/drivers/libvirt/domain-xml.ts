// A guest as libvirt's domain XML. Pure: the same guest and host give the same text.
import { machineType } from '../../disks/disk-mapping.ts'
import { fault } from '../../faults.ts'
import { VIDEO_MODELS, VIF_MODELS } from '../../guest-models.ts'
import type { GuestSpec, GuestVif } from '../../guest-spec.ts'
import type { DiskHandling } from './disk-xml.ts'
import { diskElement } from './disk-xml.ts'
import { metadataElement } from './instance-metadata-xml.ts'
import { type Element, element, encode } from './xml.ts'

/** What the host adds to the guest's own description. */
export interface DomainHost {
  /** Marks the domains of this cloud. */
  cloudTag: string
  virtType: 'kvm' | 'qemu'
  /** As libvirt names it: `x86_64`, `aarch64` … */
  arch: string
  /** cpu_mode; `none` leaves the choice to QEMU. */
  cpuMode: 'none' | 'host-model' | 'host-passthrough' | 'maximum' | 'custom'
  /** cpu_models, with `custom`. */
  cpuModel: string
  /** MiB of QEMU's cache of translated code, without KVM. */
  tbCacheMb: number
  /** Whether guests have a screen. */
  vnc: boolean
  disks: DiskHandling
  /** Seconds between the balloon's reports; 0 for none. */
  memStatsPeriod: number
  consoleLog: string
}

const SCSI_MODELS = ['virtio-scsi', 'lsilogic', 'lsisas1068', 'lsisas1078', 'buslogic', 'ibmvscsi']
const WATCHDOG_ACTIONS = ['pause', 'poweroff', 'reset', 'none']

export function domainXml(guest: GuestSpec, host: DomainHost): string {
  const { flavor } = guest
  const memory = flavor.memoryMb * 1024
  return encode(
    element(
      'domain',
      { type: host.virtType },
      element('uuid', {}, guest.id),
      element('name', {}, guest.name),
      metadataElement(guest, host.cloudTag),
      element('memory', { unit: 'KiB' }, memory),
      element('currentMemory', { unit: 'KiB' }, memory),
      element('vcpu', {}, flavor.vcpus),
      cputune(flavor.extraSpecs),
      sysinfo(guest),
      operatingSystem(guest, host),
      features(guest, host),
      cpu(guest, host),
      clock(guest),
      element('on_poweroff', {}, 'destroy'),
      element('on_reboot', {}, 'restart'),
      element('on_crash', {}, 'destroy'),
      devices(guest, host),
    ),
  )
}

function property(guest: GuestSpec, name: string): string | undefined {
  return guest.image?.properties[name]
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|true|on|y|yes)$/i.test(value)
}

/** The property if it is one of those QEMU has; others are refused, as no host could make such a guest. */
function chosen(value: string | undefined, name: string, choices: readonly string[]): string | undefined {
  if (value === undefined || choices.includes(value)) return value
  throw fault('GuestInvalid', { why: `${name}=${value} is not one of ${choices.join(', ')}` })
}

/** `quota:cpu_shares`, `quota:cpu_period`, `quota:cpu_quota` */
function cputune(extraSpecs: Record<string, string>): Element | undefined {
  const limits = ['shares', 'period', 'quota'].flatMap((limit) => {
    const value = extraSpecs[`quota:cpu_${limit}`]
    return value === undefined ? [] : [element(limit, {}, value)]
  })
  return limits.length > 0 ? element('cputune', {}, limits) : undefined
}

/** Guests recognise OpenStack by these words. */
function sysinfo(guest: GuestSpec): Element {
  const entry = (name: string, value: string) => element('entry', { name }, value)
  return element(
    'sysinfo',
    { type: 'smbios' },
    element(
      'system',
      {},
      entry('manufacturer', 'OpenStack Foundation'),
      entry('product', 'OpenStack Nova'),
      entry('version', '33.0.0'),
      entry('serial', guest.id),
      entry('uuid', guest.id),
      entry('family', 'Virtual Machine'),
    ),
  )
}

function operatingSystem(guest: GuestSpec, host: DomainHost): Element {
  const firmware = chosen(property(guest, 'hw_firmware_type'), 'hw_firmware_type', ['bios', 'uefi'])
  const fromCdrom = guest.disks.find(({ role }) => role === 'root' || role === 'rescue')?.device === 'cdrom'
  const isOrdered = guest.disks.some(({ bootOrder }) => bootOrder !== undefined)
  return element(
    'os',
    { firmware: firmware === 'uefi' ? 'efi' : undefined },
    element('type', { arch: host.arch, machine: machineType(guest) }, 'hvm'),
    !isOrdered && element('boot', { dev: fromCdrom ? 'cdrom' : 'hd' }),
    isTrue(property(guest, 'hw_boot_menu') ?? guest.flavor.extraSpecs['hw:boot_menu']) &&
      element('bootmenu', { enable: 'yes' }),
    element('smbios', { mode: 'sysinfo' }),
  )
}

function features(guest: GuestSpec, host: DomainHost): Element {
  const tcg = host.virtType === 'qemu' && host.tbCacheMb > 0
  const hidden = host.virtType === 'kvm' && isTrue(property(guest, 'img_hide_hypervisor_id'))
  return element(
    'features',
    {},
    element('acpi'),
    element('apic'),
    hidden && element('kvm', {}, element('hidden', { state: 'on' })),
    tcg && element('tcg', {}, element('tb-cache', { unit: 'MiB' }, host.tbCacheMb)),
  )
}

function cpu({ flavor }: GuestSpec, host: DomainHost): Element {
  const topology = element('topology', { sockets: flavor.vcpus, cores: 1, threads: 1 })
  if (host.cpuMode === 'none') return element('cpu', {}, topology)
  const model = host.cpuMode === 'custom' && element('model', { fallback: 'forbid' }, host.cpuModel)
  return element('cpu', { mode: host.cpuMode, match: host.cpuMode === 'custom' ? 'exact' : undefined }, model, topology)
}

function clock(guest: GuestSpec): Element {
  return element(
    'clock',
    { offset: property(guest, 'os_type') === 'windows' ? 'localtime' : 'utc' },
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'hpet', present: isTrue(property(guest, 'hw_time_hpet')) ? 'yes' : 'no' }),
  )
}

function devices(guest: GuestSpec, host: DomainHost): Element {
  const { extraSpecs } = guest.flavor
  const watchdog = property(guest, 'hw_watchdog_action') ?? extraSpecs['hw:watchdog_action']
  return element(
    'devices',
    {},
    disks(guest, host.disks),
    scsiController(guest),
    guest.vifs.map((vif) => interfaceElement(vif, guest)),
    serial(host.consoleLog),
    isTrue(property(guest, 'hw_qemu_guest_agent')) &&
      element(
        'channel',
        { type: 'unix' },
        element('source', { mode: 'bind' }),
        element('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' }),
      ),
    display(guest, host),
    watchdog !== undefined &&
      watchdog !== 'disabled' &&
      element('watchdog', {
        model: 'i6300esb',
        action: chosen(watchdog, 'hw_watchdog_action', WATCHDOG_ACTIONS),
      }),
    rng(extraSpecs),
    element(
      'memballoon',
      { model: 'virtio' },
      host.memStatsPeriod > 0 && element('stats', { period: host.memStatsPeriod }),
    ),
  )
}

/** The config drive is last, so that no other disk changes its place when a guest has one. */
function disks(guest: GuestSpec, handling: DiskHandling): Element[] {
  const sorted = guest.disks.toSorted((a, b) => Number(a.role === 'config') - Number(b.role === 'config'))
  const hasUnits = property(guest, 'hw_scsi_model') === 'virtio-scsi'
  let next = 0
  return sorted.map((disk) => {
    const unit = hasUnits && disk.bus === 'scsi' ? next++ : undefined
    return diskElement(disk, { flavor: guest.flavor, handling, unit })
  })
}

function scsiController(guest: GuestSpec): Element | undefined {
  const model = chosen(property(guest, 'hw_scsi_model'), 'hw_scsi_model', SCSI_MODELS)
  const used = guest.disks.some((disk) => disk.bus === 'scsi')
  return used && model ? element('controller', { type: 'scsi', index: 0, model }) : undefined
}

/** One interface, as it is plugged into a guest that runs. */
export function interfaceXml(vif: GuestVif, guest: GuestSpec): string {
  return encode(interfaceElement(vif, guest))
}

function interfaceElement(vif: GuestVif, guest: GuestSpec): Element {
  const model = chosen(vif.model ?? property(guest, 'hw_vif_model'), 'hw_vif_model', VIF_MODELS) ?? 'virtio'
  return element(
    'interface',
    { type: 'ethernet' },
    element('mac', { address: vif.mac }),
    element('target', { dev: vif.tap, managed: 'no' }),
    element('model', { type: model }),
    vif.mtu !== null && element('mtu', { size: vif.mtu }),
  )
}

/** The log is kept by libvirt whether or not somebody watches the console. */
function serial(consoleLog: string): Element {
  const target = element('target', { type: 'isa-serial', port: 0 })
  return element('serial', { type: 'pty' }, element('log', { file: consoleLog, append: 'on' }), target)
}

/** The screen is had by a socket that libvirt puts beside the guest's monitor, where only root and QEMU reach it. */
function display(guest: GuestSpec, host: DomainHost): Element[] {
  if (!host.vnc) return [element('video', {}, element('model', { type: 'none' }))]
  const model = chosen(property(guest, 'hw_video_model'), 'hw_video_model', VIDEO_MODELS) ?? 'virtio'
  return [
    element('input', { type: 'tablet', bus: 'usb' }),
    element('graphics', { type: 'vnc' }, element('listen', { type: 'socket' })),
    element('video', {}, element('model', { type: model })),
  ]
}

/** A source of randomness, unless the flavor says `hw_rng:allowed=False`; `hw_rng:rate_bytes` a `rate_period` ms. */
function rng(extraSpecs: Record<string, string>): Element | false {
  if (/^false$/i.test(extraSpecs['hw_rng:allowed'] ?? '')) return false
  const bytes = extraSpecs['hw_rng:rate_bytes']
  const rate = bytes !== undefined && element('rate', { period: extraSpecs['hw_rng:rate_period'], bytes })
  return element('rng', { model: 'virtio' }, rate, element('backend', { model: 'random' }, '/dev/urandom'))
}
