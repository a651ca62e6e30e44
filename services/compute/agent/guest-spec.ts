// What a host is told of a server: plain data, sent over the bus and kept with tasks as it is.

/** A server as its host sees it. */
export interface GuestSpec {
  /** The server's id; the libvirt domain's uuid. */
  id: string
  /** The libvirt domain's name, `instance-%08x` of `number`. */
  name: string
  number: number
  displayName: string
  /** Without domain. */
  hostname: string
  projectId: string
  projectName: string
  userId: string
  userName: string
  reservationId: string
  launchIndex: number
  availabilityZone: string
  /** ISO 8601, UTC. */
  createdAt: string
  flavor: GuestFlavor
  /** Null when the root disk is a volume. */
  image: GuestImage | null
  vifs: GuestVif[]
  configDrive: boolean
  /** What `createDisks` answered, and volumes; empty before. Disks are opened as recorded here, never as they look. */
  disks: GuestDisk[]
  /** The disks that its user asked for, for planning them; absent: the image's, and what its flavor has. */
  blockDevices?: GuestBlockDevice[]
  /** Devices of the host that were set aside for the disk that the flavor wants isolated; absent: the host chooses. */
  isolatedDisks?: string[]
  /** What `define` answered: where tagged devices sit; empty before. */
  devices: GuestDevice[]
  metadata: Record<string, string>
  keys: GuestKey[]
  securityGroups: string[]
  /** Base64, or null. */
  userData: string | null
  /** Goes on the config drive and nowhere else. */
  adminPass: string | null
  files: GuestFile[]
  /** What it boots with while it is rescued; null while it is not. */
  rescue: GuestRescue | null
}

/** A file that is put on the config drive; `contents` is base64. */
export interface GuestFile {
  path: string
  contents: string
}

export interface GuestRescue {
  image: GuestImage
  /** What `createRescueDisks` answered; empty before. */
  disks: GuestDisk[]
}

export interface GuestFlavor {
  name: string
  vcpus: number
  memoryMb: number
  /** 0: as large as the image. */
  rootGb: number
  ephemeralGb: number
  swapMb: number
  extraSpecs: Record<string, string>
}

export interface GuestImage {
  id: string
  /** The image's disk_format: `raw`, `qcow2`, `iso`, `vmdk` … */
  diskFormat: string
  /** GB. */
  minDisk: number
  /** MB. */
  minRam: number
  /** Bytes of the image's file, for progress and room; null if unknown. */
  size: number | null
  /** Bytes of the disk in it; absent if unknown. */
  virtualSize?: number
  properties: Record<string, string>
  /** It goes once a disk was made from it: the disk must not need it any more. */
  standsAlone?: boolean
}

export interface GuestKey {
  name: string
  type: 'ssh' | 'x509'
  data: string
}

/** One port of the server, as network_info has it. */
export interface GuestVif {
  portId: string
  mac: string
  /** The tap's name: `tap` + the first 11 characters of the port's id. */
  tap: string
  mtu: number | null
  /** binding:vif_type: `bridge`, `ovs`, `tap` … */
  type: string
  /** hw_vif_model for this port alone, over the image's. */
  model?: string
  tag?: string
  network: { id: string; label: string; subnets: GuestSubnet[] }
}

export interface GuestSubnet {
  cidr: string
  version: 4 | 6
  gateway: string | null
  dns: string[]
  routes: { cidr: string; gateway: string }[]
  /** The port's addresses in this subnet. */
  ips: { address: string; floatingIps: string[] }[]
  /** The address DHCP answers from; null when the subnet has no DHCP. */
  dhcpServer: string | null
  /** `slaac`, `dhcpv6-stateful`, `dhcpv6-stateless`, or null. */
  ipv6AddressMode: string | null
}

/** A disk that the server's user asked for. What is null is left to image, flavor and host. */
export interface GuestBlockDevice {
  role: 'root' | 'ephemeral' | 'swap'
  /** GB, of swap MB; null: all that the flavor has. Of a root always null. */
  size: number | null
  /** The file system of an ephemeral disk. */
  guestFormat: string | null
  device: 'disk' | 'cdrom' | null
  bus: DiskBus | null
  imagesType: string | null
  tag: string | null
}

export type DiskBus = 'virtio' | 'scsi' | 'ide' | 'sata' | 'usb' | 'fdc'

export interface GuestDisk {
  role: 'root' | 'ephemeral' | 'swap' | 'config' | 'rescue' | 'volume'
  /** The images_type it was made with, or `isolated`; it stays so when the option changes. */
  backend: string
  source: { kind: 'file' | 'block'; path: string }
  format: 'raw' | 'qcow2'
  device: 'disk' | 'cdrom'
  bus: DiskBus
  /** The name in the domain: `vda`, `hda` … */
  target: string
  /** Bytes the guest sees; 0: as large as the image. */
  size: number
  readonly?: boolean
  /** The volume's id. */
  serial?: string
  /** Which making of it is meant, on a whole device that a rebuild writes anew; absent: the first. */
  generation?: string
  /** An ephemeral disk's file system; absent: default_ephemeral_format. */
  guestFormat?: string
  /** That file system's label: ephemeral0 … */
  label?: string
  /** What its user calls it. */
  tag?: string
  /** It was made from an image of its own, and needs no cached one. */
  standsAlone?: boolean
  /** 1 boots first. Absent on all disks: the first of them boots. */
  bootOrder?: number
  /** Other guests may write to it at the same time. */
  shareable?: boolean
}

/** A whole device of a host that one guest at a time may have as a disk. */
export interface IsolatedDisk {
  /** As the host's configuration names it; best one that stays, as `/dev/disk/by-id/…`. */
  path: string
  /** Bytes; 0 while it is not there. */
  size: number
  /** True for disks that turn. */
  rotational: boolean
  /** The guest that has it. */
  guest: string | null
  /** Why no guest can have it now; null when one can, or has it. */
  trouble: string | null
}

/** A device the guest's user gave a tag, at the address libvirt chose. */
export interface GuestDevice {
  type: 'nic' | 'disk'
  bus: 'pci' | 'usb' | 'scsi' | 'ide' | 'none'
  address: string
  mac?: string
  serial?: string
  path?: string
  tags: string[]
}
