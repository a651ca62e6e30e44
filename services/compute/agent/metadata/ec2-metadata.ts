// The EC2 metadata tree of a guest, as each of its versions has it.
import type { GuestDisk, GuestSpec } from '../guest-spec.ts'
import { EC2_VERSIONS } from './versions.ts'

/** A folder; a leaf is text, bytes or a list. `_name` is how the folder's entry is listed by its parent. */
export interface Ec2Tree {
  [key: string]: Ec2Node
}
export type Ec2Node = string | number | null | string[] | Uint8Array | Ec2Tree

/** The version's tree: `meta-data`, and `user-data` if there is any. */
export function ec2Tree(guest: GuestSpec, version: string, fullHostname: string): Ec2Tree {
  const tree: Ec2Tree = { 'meta-data': ec2MetaData(guest, version, fullHostname) }
  if (guest.userData !== null) tree['user-data'] = Buffer.from(guest.userData, 'base64')
  return tree
}

function ec2MetaData(guest: GuestSpec, version: string, hostname: string): Ec2Tree {
  const has = (since: (typeof EC2_VERSIONS)[number]) =>
    EC2_VERSIONS.indexOf(since) <= (EC2_VERSIONS as readonly string[]).indexOf(version)
  const ips = guest.vifs.flatMap((vif) =>
    vif.network.subnets.flatMap((subnet) => (subnet.version === 4 ? subnet.ips : [])),
  )
  const data: Ec2Tree = {
    'ami-id': guest.image ? ec2Id('ami', guest.image.id) : '',
    'ami-launch-index': guest.launchIndex,
    'ami-manifest-path': 'FIXME',
    'instance-id': `i-${guest.number.toString(16).padStart(8, '0')}`,
    hostname,
    'local-ipv4': ips[0]?.address ?? null,
    'reservation-id': guest.reservationId,
    'security-groups': guest.securityGroups,
  }
  const key = guest.keys[0]
  if (key) data['public-keys'] = { '0': { _name: `0=${key.name}`, 'openssh-key': key.data } }
  if (has('2007-01-19')) {
    data['local-hostname'] = hostname
    data['public-hostname'] = hostname
    data['public-ipv4'] = ips.flatMap((ip) => ip.floatingIps)[0] ?? ''
  }
  if (has('2007-08-29')) data['instance-type'] = guest.flavor.name
  if (has('2007-12-15')) {
    data['block-device-mapping'] = blockDeviceMapping(guest.disks)
    const { kernel_id: kernel, ramdisk_id: ramdisk } = guest.image?.properties ?? {}
    if (kernel) data['kernel-id'] = ec2Id('aki', kernel)
    if (ramdisk) data['ramdisk-id'] = ec2Id('ari', ramdisk)
  }
  if (has('2008-02-01')) data['placement'] = { 'availability-zone': guest.availabilityZone }
  if (has('2008-09-01')) data['instance-action'] = 'none'
  return data
}

/** EC2's ids have eight digits; a uuid's first eight name an image well enough. */
function ec2Id(kind: 'ami' | 'aki' | 'ari', uuid: string): string {
  return `${kind}-${uuid.replaceAll('-', '').slice(0, 8)}`
}

function blockDeviceMapping(disks: readonly GuestDisk[]): Ec2Tree {
  const device = (disk: GuestDisk) => `/dev/${disk.target}`
  const root = disks.find(({ role }) => role === 'root') ?? disks.find(({ role }) => role === 'volume')
  const mapping: Ec2Tree = root ? { ami: root.target, root: device(root) } : {}
  const ofRole = (role: GuestDisk['role']) => disks.filter((disk) => disk.role === role).map(device)
  ofRole('ephemeral').forEach((name, i) => {
    mapping[`ephemeral${i}`] = name
  })
  for (const name of ofRole('swap')) mapping['swap'] = name
  ofRole('volume')
    .sort()
    .forEach((name, i) => {
      mapping[`ebs${i}`] = name
    })
  return mapping
}

/** What a GET of the node answers: a folder's sorted listing, or the leaf. */
export function ec2Text(node: Ec2Node): string | Uint8Array {
  if (node instanceof Uint8Array) return node
  if (node === null) return ''
  if (Array.isArray(node)) return node.join('\n')
  if (typeof node !== 'object') return String(node)
  const lines = Object.keys(node)
    .filter((key) => key !== '_name')
    .sort()
    .map((key) => {
      const child = node[key]!
      return isFolder(child) ? String(child['_name'] ?? `${key}/`) : key
    })
  return lines.join('\n')
}

export function isFolder(node: Ec2Node): node is Ec2Tree {
  return typeof node === 'object' && node !== null && !Array.isArray(node) && !(node instanceof Uint8Array)
}
