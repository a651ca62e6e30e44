import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import fc from 'fast-check'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { placeInFiles, planDisks } from '../../disks/disk-mapping.ts'
import type { GuestDisk, GuestSpec } from '../../guest-spec.ts'
import { InstancePaths } from '../../instance-paths.ts'
import { makeGuest, makeImage, makeVif } from '../../testing.ts'
import { type DomainHost, domainXml } from './domain-xml.ts'

const host: DomainHost = {
  cloudTag: 'cloud-1',
  virtType: 'qemu',
  arch: 'x86_64',
  cpuMode: 'none',
  cpuModel: 'Nehalem',
  tbCacheMb: 64,
  vnc: false,
  disks: { cache: { file: 'writeback', block: 'none' } },
  memStatsPeriod: 10,
  consoleLog: '/instances/console.log',
}
const paths = new InstancePaths('/instances')

function planned(parts: Partial<GuestSpec> = {}, backend: 'raw' | 'qcow2' = 'qcow2'): GuestSpec {
  const guest = makeGuest(parts)
  return { ...guest, disks: [...planDisks(guest, placeInFiles(paths, guest.id, backend)), ...guest.disks] }
}

const withProperties = (properties: Record<string, string>) => planned({ image: makeImage({ properties }) })
const withSpecs = (extraSpecs: Record<string, string>) => planned({ flavor: { ...makeGuest().flavor, extraSpecs } })
const file = (guest: GuestSpec, name: string) => `/instances/${guest.id}/${name}`

test('the whole of a plain guest', () => {
  const guest = planned({ vifs: [makeVif()], configDrive: true, displayName: 'web', createdAt: '2026-01-01T00:00:00Z' })
  const vif = guest.vifs[0]!
  assert.equal(
    domainXml(guest, host),
    [
      `<domain type="qemu"><uuid>${guest.id}</uuid><name>${guest.name}</name>`,
      '<metadata><nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1">',
      '<nova:name>web</nova:name><nova:creationTime>2026-01-01T00:00:00Z</nova:creationTime>',
      '<nova:flavor name="m1.nano"><nova:memory>64</nova:memory><nova:disk>0</nova:disk><nova:swap>0</nova:swap>',
      '<nova:ephemeral>0</nova:ephemeral><nova:vcpus>1</nova:vcpus></nova:flavor>',
      '<nova:owner><nova:user uuid="fake">demo</nova:user>',
      '<nova:project uuid="6f70656e737461636b20342065766572">demo</nova:project></nova:owner>',
      `<nova:root type="image" uuid="${guest.image?.id}"/>`,
      `<nova:ports><nova:port uuid="${vif.portId}"><nova:ip type="fixed" address="10.0.0.5" ipVersion="4"/>`,
      '</nova:port></nova:ports></nova:instance>',
      '<kilonova:guest xmlns:kilonova="urn:kilonova:libvirt:guest:1" cloud="cloud-1"/></metadata>',
      '<memory unit="KiB">65536</memory><currentMemory unit="KiB">65536</currentMemory><vcpu>1</vcpu>',
      '<sysinfo type="smbios"><system><entry name="manufacturer">OpenStack Foundation</entry>',
      '<entry name="product">OpenStack Nova</entry><entry name="version">33.0.0</entry>',
      `<entry name="serial">${guest.id}</entry><entry name="uuid">${guest.id}</entry>`,
      '<entry name="family">Virtual Machine</entry></system></sysinfo>',
      '<os><type arch="x86_64" machine="pc">hvm</type><boot dev="hd"/><smbios mode="sysinfo"/></os>',
      '<features><acpi/><apic/><tcg><tb-cache unit="MiB">64</tb-cache></tcg></features>',
      '<cpu><topology sockets="1" cores="1" threads="1"/></cpu>',
      '<clock offset="utc"><timer name="pit" tickpolicy="delay"/><timer name="rtc" tickpolicy="catchup"/>',
      '<timer name="hpet" present="no"/></clock>',
      '<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>',
      '<devices>',
      '<disk type="file" device="disk"><driver name="qemu" type="qcow2" cache="writeback"/>',
      `<source file="${file(guest, 'disk')}"/><target dev="vda" bus="virtio"/></disk>`,
      '<disk type="file" device="cdrom"><driver name="qemu" type="raw" cache="writeback"/>',
      `<source file="${file(guest, 'disk.config')}"/><target dev="hda" bus="ide"/><readonly/></disk>`,
      `<interface type="ethernet"><mac address="fa:16:3e:00:00:01"/><target dev="${vif.tap}" managed="no"/>`,
      '<model type="virtio"/><mtu size="1450"/></interface>',
      '<serial type="pty"><log file="/instances/console.log" append="on"/><target type="isa-serial" port="0"/></serial>',
      '<video><model type="none"/></video>',
      '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>',
      '<memballoon model="virtio"><stats period="10"/></memballoon></devices></domain>',
    ].join(''),
  )
})

const volume: GuestDisk = {
  role: 'volume',
  backend: 'lvm',
  source: { kind: 'block', path: '/dev/vg/volume' },
  format: 'raw',
  device: 'disk',
  bus: 'virtio',
  target: 'vdb',
  size: 1,
  serial: '11111111-2222-3333-4444-555555555555',
}
const limited = { 'quota:disk_total_iops_sec': '500', 'quota:disk_read_bytes_sec': '1000' }
const says: [string, GuestSpec, Partial<DomainHost>, RegExp][] = [
  [
    'raw disk',
    planned({}, 'raw'),
    {},
    /<driver name="qemu" type="raw" cache="writeback"\/><source file="[^"]*\/disk"\/>/,
  ],
  ['no cache', planned({}, 'raw'), { disks: { cache: { file: 'none', block: 'none' } } }, /type="raw" cache="none"\/>/],
  [
    'volume',
    planned({ disks: [volume] }),
    {},
    /<disk type="block" device="disk"><driver name="qemu" type="raw" cache="none" io="native"\/><source dev="\/dev\/vg\/volume"\/><target dev="vdb" bus="virtio"\/><serial>11111111-2222-3333-4444-555555555555<\/serial><\/disk>/,
  ],
  [
    'ephemeral and swap',
    planned({ flavor: { ...makeGuest().flavor, ephemeralGb: 1, swapMb: 64 } }),
    {},
    /disk\.eph0"\/><target dev="vdb" bus="virtio"\/>.*disk\.swap"\/><target dev="vdc" bus="virtio"\/>/,
  ],
  ['names beside a volume', planned({ disks: [{ ...volume, target: 'vda' }] }), {}, /\/disk"\/><target dev="vdb"/],
  [
    'scsi',
    withProperties({ hw_disk_bus: 'scsi', hw_scsi_model: 'virtio-scsi' }),
    {},
    /<target dev="sda" bus="scsi"\/><address type="drive" controller="0" unit="0"\/><\/disk><controller type="scsi" index="0" model="virtio-scsi"\/>/,
  ],
  [
    'iotune',
    withSpecs(limited),
    {},
    /<iotune><read_bytes_sec>1000<\/read_bytes_sec><total_iops_sec>500<\/total_iops_sec><\/iotune><\/disk>/,
  ],
  ['cputune', withSpecs({ 'quota:cpu_shares': '10' }), {}, /<cputune><shares>10<\/shares><\/cputune>/],
  [
    'q35 config drive',
    planned({ configDrive: true, image: makeImage({ properties: { hw_machine_type: 'pc-q35-7.2' } }) }),
    {},
    /machine="pc-q35-7\.2".*<target dev="sda" bus="sata"\/><readonly\/>/,
  ],
  [
    'iso',
    planned({ image: makeImage({ diskFormat: 'iso' }), configDrive: true }),
    {},
    /<boot dev="cdrom"\/>.*device="cdrom"><driver name="qemu" type="raw".*\/disk"\/><target dev="hda".*<target dev="hdb"/,
  ],
  ['vif model of the image', withVif({ hw_vif_model: 'e1000' }), {}, /<model type="e1000"\/>/],
  [
    'guest agent',
    withProperties({ hw_qemu_guest_agent: 'yes' }),
    {},
    /<target type="virtio" name="org\.qemu\.guest_agent\.0"\/>/,
  ],
  ['uefi', withProperties({ hw_firmware_type: 'uefi' }), {}, /<os firmware="efi">/],
  ['windows', withProperties({ os_type: 'windows' }), {}, /<clock offset="localtime">/],
  ['watchdog', withProperties({ hw_watchdog_action: 'reset' }), {}, /<watchdog model="i6300esb" action="reset"\/>/],
  ['rng rate', withSpecs({ 'hw_rng:rate_bytes': '9', 'hw_rng:rate_period': '5' }), {}, /<rate period="5" bytes="9"\/>/],
  [
    'hidden hypervisor',
    withProperties({ img_hide_hypervisor_id: 'true' }),
    { virtType: 'kvm' },
    /<domain type="kvm">.*<apic\/><kvm><hidden state="on"\/><\/kvm><\/features>/,
  ],
  [
    'cpu model',
    planned(),
    { cpuMode: 'custom' },
    /<cpu mode="custom" match="exact"><model fallback="forbid">Nehalem<\/model><topology/,
  ],
  ['host cpu', planned(), { cpuMode: 'host-passthrough' }, /<cpu mode="host-passthrough"><topology/],
  [
    'display',
    withProperties({ hw_video_model: 'vga' }),
    { vnc: true },
    /<graphics type="vnc"><listen type="socket"\/><\/graphics><video><model type="vga"\/><\/video>/,
  ],
]

function withVif(properties: Record<string, string>): GuestSpec {
  return planned({ vifs: [makeVif()], image: makeImage({ properties }) })
}

for (const [name, guest, parts, pattern] of says) {
  test(`domain XML says: ${name}`, () => assert.match(domainXml(guest, { ...host, ...parts }), pattern))
}

const omits: [string, GuestSpec, Partial<DomainHost>, RegExp][] = [
  ['no translation cache under KVM', planned(), { virtType: 'kvm' }, /tcg/],
  ['no randomness when the flavor forbids it', withSpecs({ 'hw_rng:allowed': 'False' }), {}, /<rng/],
  ['no watchdog when disabled', withProperties({ hw_watchdog_action: 'disabled' }), {}, /<watchdog/],
  ['no limits on volumes', { ...planned(withSpecs(limited)), disks: [volume] }, {}, /iotune/],
  ['no password', planned({ adminPass: 'canary-s3cret', userData: 'canary' }), {}, /canary/],
]
for (const [name, guest, parts, pattern] of omits) {
  test(`domain XML: ${name}`, () => assert.doesNotMatch(domainXml(guest, { ...host, ...parts }), pattern))
}

for (const properties of [
  { hw_disk_bus: 'floppy' },
  { hw_vif_model: 'x"/><evil' },
  { hw_scsi_model: 'x' },
  { hw_firmware_type: 'coreboot' },
  { hw_watchdog_action: 'explode' },
]) {
  test(`refused: ${JSON.stringify(properties)}`, () => {
    assert.throws(
      () => domainXml(withVif(properties as unknown as Record<string, string>), host),
      (error) => isFault(error, 'GuestInvalid'),
    )
  })
}

const parser = new XMLParser({
  ignoreAttributes: false,
  trimValues: false,
  parseTagValue: false,
  processEntities: false,
  removeNSPrefix: true,
})

/** The names of all elements, in their order. */
function shape(xml: string): string {
  return [...xml.matchAll(/<\/?([\w:.-]+)/g)].map(([tag]) => tag).join(' ')
}

test('whatever people call things, the shape of the XML and all other values stay the same', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '</nova:name><devices><disk/></devices>',
      '"/><evil a="',
      '&lt;&#60;&amp;&undefined;',
      '<!ENTITY x SYSTEM "file:///etc/passwd">&x;',
      ']]><!-- --><![CDATA[',
      '\0\x01\x1b[31m\ufffe\ud800',
      '\u202eevil\u200b',
      '{{constructor}} %s $(id)',
    ),
  )
  const plain = planned({ vifs: [makeVif()], configDrive: true })
  const reference = domainXml(plain, host)
  fc.assert(
    fc.property(nasty, nasty, nasty, nasty, nasty, (displayName, projectName, userName, flavorName, machine) => {
      const guest: GuestSpec = {
        ...plain,
        displayName,
        projectName,
        userName,
        flavor: { ...plain.flavor, name: flavorName },
        image: { ...plain.image!, properties: { hw_machine_type: machine } },
      }
      const xml = domainXml(guest, host)
      assert.equal(XMLValidator.validate(xml), true)
      assert.equal(shape(xml), shape(reference))
      assert.doesNotMatch(xml, /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/)
      const { domain } = parser.parse(xml)
      assert.equal(decoded(domain.metadata.instance.name), carried(displayName))
      assert.equal(decoded(domain.metadata.instance.owner.user['#text'] ?? ''), carried(userName))
      assert.equal(domain.metadata.guest['@_cloud'], 'cloud-1')
      assert.equal(domain.uuid, guest.id)
    }),
    { numRuns: 500 },
  )
})

/** What XML can carry of a text. */
function carried(text: string): string {
  return text.toWellFormed().replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
}

function decoded(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
  return text.replace(/&(?:#(\d+)|(\w+));/g, (_, code, name) => named[name] ?? String.fromCharCode(Number(code)))
}
