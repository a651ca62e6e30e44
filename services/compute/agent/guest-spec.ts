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
  /** What `define` answered: where tagged devices sit; empty before. */
  devices: GuestDevice[]
  metadata: Record<string, string>
  keys: GuestKey[]
  securityGroups: string[]
  /** Base64, or null. */
  userData: string | null
  /** Goes on the config drive and nowhere else. */
  adminPass: string | null
  /** Injected files; `contents` is base64. */
  files: { path: string; contents: string }[]
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
  properties: Record<string, string>
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

export type DiskBus = 'virtio' | 'scsi' | 'ide' | 'sata' | 'usb' | 'fdc'

export interface GuestDisk {
  role: 'root' | 'ephemeral' | 'swap' | 'config' | 'volume'
  /** The images_type it was made with; it stays so when the option changes. */
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
