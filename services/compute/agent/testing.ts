// Guests for tests: whole and valid, with whatever parts the test is about.
import { systemRandom } from '@kilonova/base/random'
import type { GuestImage, GuestSpec, GuestVif } from './guest-spec.ts'

let number = 0

export function makeGuest(parts: Partial<GuestSpec> = {}): GuestSpec {
  number += 1
  return {
    id: systemRandom.uuid(),
    name: `instance-${number.toString(16).padStart(8, '0')}`,
    number,
    displayName: 'web',
    hostname: 'web',
    projectId: '6f70656e737461636b20342065766572',
    projectName: 'demo',
    userId: 'fake',
    userName: 'demo',
    reservationId: 'r-0000test',
    launchIndex: 0,
    availabilityZone: 'nova',
    createdAt: '2026-01-01T00:00:00Z',
    flavor: { name: 'm1.nano', vcpus: 1, memoryMb: 64, rootGb: 0, ephemeralGb: 0, swapMb: 0, extraSpecs: {} },
    image: makeImage(),
    vifs: [],
    configDrive: false,
    disks: [],
    devices: [],
    metadata: {},
    keys: [],
    securityGroups: ['default'],
    userData: null,
    adminPass: null,
    files: [],
    rescue: null,
    ...parts,
  }
}

export function makeImage(parts: Partial<GuestImage> = {}): GuestImage {
  return { id: systemRandom.uuid(), diskFormat: 'raw', minDisk: 0, minRam: 0, size: 4096, properties: {}, ...parts }
}

export function makeVif(parts: Partial<GuestVif> = {}): GuestVif {
  const portId = systemRandom.uuid()
  return {
    portId,
    mac: 'fa:16:3e:00:00:01',
    tap: `tap${portId.slice(0, 11)}`,
    mtu: 1450,
    type: 'bridge',
    network: {
      id: systemRandom.uuid(),
      label: 'private',
      subnets: [
        {
          cidr: '10.0.0.0/24',
          version: 4,
          gateway: '10.0.0.1',
          dns: ['10.0.0.2'],
          routes: [],
          ips: [{ address: '10.0.0.5', floatingIps: [] }],
          dhcpServer: '10.0.0.2',
          ipv6AddressMode: null,
        },
      ],
    },
    ...parts,
  }
}

/** Prints the text that follows it at offset 32 to the serial console, then waits. */
const PRINT_AND_WAIT = [
  ...[0x31, 0xc0, 0x8e, 0xd8, 0xfc], // ds = 0, cld
  ...[0xbe, 0x20, 0x7c], // si = text
  ...[0xac, 0x84, 0xc0, 0x74, 0x06], // next: al = [si++]; when 0 go to wait
  ...[0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5], // out 0x3f8, al; go to next
  ...[0xfb, 0xf4, 0xeb, 0xfc], // wait: sti, hlt, go to wait
]

/** A disk that boots: a whole guest in its first sector, which says `text` on its serial console. */
export function bootableDisk(text: string): Buffer {
  const disk = Buffer.alloc(2 ** 20) // the BIOS boots from no disk smaller than a cylinder
  Buffer.from(PRINT_AND_WAIT).copy(disk)
  disk.write(`${text}\r\n\0`, 32, 'latin1')
  disk.writeUInt16LE(0xaa55, 510)
  return disk
}
