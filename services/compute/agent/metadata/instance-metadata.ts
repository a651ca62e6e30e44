// What a guest is told of itself: the OpenStack tree and the EC2 tree, for the config drive and the metadata service.
import { type Random, systemRandom } from '@kilonova/base/random'
import type { GuestSpec } from '../guest-spec.ts'
import { type Ec2Tree, ec2Tree } from './ec2-metadata.ts'
import { networkData } from './network-data.ts'
import { EC2_VERSIONS, OPENSTACK_VERSIONS, SKIPPED_ON_DRIVE } from './versions.ts'

export interface MetadataOptions {
  /** Appended to the hostname unless empty. */
  dhcpDomain: string
  vendorData: VendorData
  random?: Random
}

export interface VendorData {
  /** vendor_data.json, and `static` in vendor_data2.json. */
  static: unknown
  /** Replies of the dynamic targets by their names. */
  dynamic: Record<string, unknown>
}

/** Where the tree is read: injected files and the password are on the drive only. */
export type MetadataPlace = 'drive' | 'service'

type OpenstackVersion = (typeof OPENSTACK_VERSIONS)[number]

function has(version: string, since: OpenstackVersion): boolean {
  return OPENSTACK_VERSIONS.indexOf(since) <= (OPENSTACK_VERSIONS as readonly string[]).indexOf(version)
}

export function fullHostname(guest: GuestSpec, dhcpDomain: string): string {
  return dhcpDomain ? `${guest.hostname}.${dhcpDomain}` : guest.hostname
}

/** meta_data.json of one version; `random_seed` differs at each call. */
export function metaData(
  guest: GuestSpec,
  version: string,
  { place, dhcpDomain, random = systemRandom }: MetadataOptions & { place: MetadataPlace },
): Record<string, unknown> {
  const onDrive = place === 'drive'
  const key = guest.keys[0]
  return {
    uuid: guest.id,
    ...(Object.keys(guest.metadata).length > 0 ? { meta: guest.metadata } : {}),
    ...(onDrive && guest.files.length > 0
      ? { files: guest.files.map(({ path }, i) => ({ path, content_path: `/content/${contentName(i)}` })) }
      : {}),
    ...(onDrive && guest.adminPass !== null ? { admin_pass: guest.adminPass } : {}),
    ...(key
      ? { public_keys: { [key.name]: key.data }, keys: [{ name: key.name, type: key.type, data: key.data }] }
      : {}),
    hostname: fullHostname(guest, dhcpDomain),
    name: guest.displayName,
    launch_index: guest.launchIndex,
    availability_zone: guest.availabilityZone,
    ...(has(version, '2013-04-04') ? { random_seed: random.bytes(512).toString('base64') } : {}),
    ...(has(version, '2015-10-15') ? { project_id: guest.projectId } : {}),
    ...(has(version, '2016-06-30') ? { devices: guest.devices } : {}),
    // no guest's processors are pinned by this driver
    ...(has(version, '2020-10-14') ? { dedicated_cpus: [] } : {}),
  }
}

/** The files of one OpenStack version, by name. */
export function openstackFiles(
  guest: GuestSpec,
  version: string,
  options: MetadataOptions & { place: MetadataPlace },
): Map<string, Uint8Array> {
  const { vendorData } = options
  const files = new Map([['meta_data.json', json(metaData(guest, version, options))]])
  if (guest.userData !== null) files.set('user_data', Buffer.from(guest.userData, 'base64'))
  if (has(version, '2013-10-17')) files.set('vendor_data.json', json(vendorData.static))
  if (has(version, '2015-10-15')) files.set('network_data.json', json(networkData(guest.vifs)))
  if (has(version, '2016-10-06')) {
    files.set('vendor_data2.json', json({ static: vendorData.static, ...vendorData.dynamic }))
  }
  return files
}

/** Every file of the config drive, by its path in it. */
export function configDriveFiles(guest: GuestSpec, options: MetadataOptions): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const hostname = fullHostname(guest, options.dhcpDomain)
  for (const name of [...EC2_VERSIONS, 'latest']) {
    if (SKIPPED_ON_DRIVE.includes(name)) continue
    const tree = ec2Tree(guest, name === 'latest' ? EC2_VERSIONS.at(-1)! : name, hostname)
    if (tree['user-data'] instanceof Uint8Array) files.set(`ec2/${name}/user-data`, tree['user-data'])
    files.set(`ec2/${name}/meta-data.json`, json(withoutListingNames(tree['meta-data'] as Ec2Tree)))
  }
  for (const name of [...OPENSTACK_VERSIONS, 'latest']) {
    const version = name === 'latest' ? OPENSTACK_VERSIONS.at(-1)! : name
    for (const [file, content] of openstackFiles(guest, version, { ...options, place: 'drive' })) {
      files.set(`openstack/${name}/${file}`, content)
    }
  }
  guest.files.forEach(({ contents }, i) => {
    files.set(`openstack/content/${contentName(i)}`, Buffer.from(contents, 'base64'))
  })
  return files
}

function contentName(index: number): string {
  return String(index).padStart(4, '0')
}

function withoutListingNames(metaData: Ec2Tree): Ec2Tree {
  const keys = metaData['public-keys'] as Ec2Tree | undefined
  if (!keys) return metaData
  const { _name: _, ...key } = keys['0'] as Ec2Tree
  return { ...metaData, 'public-keys': { '0': key } }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}
