// Images that somebody made to harm: what each declares, holds, and is refused for. Upload, hosts and bounds are all
// tried with this one table; more ways in which single fields may be wrong are tried beside the inspector.
import { be32, be64, le64, made, partitioned, patched, vmdkDescriptor, vmdkWith } from './testing.ts'

const MIB = 1024 * 1024

export interface HostileImage {
  title: string
  /** The disk_format that its owner says it has. */
  declared: string
  content: Buffer
  /** What whoever refuses it must say. */
  why: RegExp
}

/** A qcow2 that names a file below it. */
export function standingOn(qcow2: Buffer, path: string): Buffer {
  const named = patched(qcow2, 8, Buffer.concat([be64(512n), be32(path.length)]))
  return patched(named, 512, path)
}

export async function hostileImages(): Promise<HostileImage[]> {
  const qcow2 = await made('qcow2', { content: partitioned() })
  return [...fromQcow2(qcow2), ...fromVmdk(), ...(await fromOthers()), ...polyglots(qcow2), ...renamed(qcow2)]
}

function fromQcow2(qcow2: Buffer): HostileImage[] {
  const cases: [string, Buffer, RegExp][] = [
    ['names a file of the host as its backing file', standingOn(qcow2, '/etc/passwd'), /backing file/],
    ['names a protocol as its backing file', standingOn(qcow2, 'nbd://192.0.2.1/secret'), /backing file/],
    [
      'names a backing file by JSON',
      standingOn(qcow2, 'json:{"driver":"file","filename":"/etc/passwd"}'),
      /backing file/,
    ],
    ['is the top of a chain of 10,000', standingOn(qcow2, 'chain-9999'), /backing file/],
    ['is below itself', standingOn(qcow2, 'image'), /backing file/],
    ['keeps its data in another file', patched(qcow2, 72, be64(4n)), /data in another file/],
    ['names another file for its data', patched(qcow2, 112, namesDataFile('/etc/shadow')), /external data file/],
    ['has an unknown incompatible feature', patched(qcow2, 72, be64(1n << 40n)), /unknown incompatible features/],
    ['has a disk of 2^63 bytes', patched(qcow2, 24, be64(1n << 63n)), /at most 1 PiB/],
    ['has an L1 table of 2^32 entries', patched(qcow2, 36, be32(0xffff_ffff)), /L1 table/],
    ['has clusters of 2^31 bytes', patched(qcow2, 20, be32(31)), /cluster size/],
    ['is encrypted by LUKS inside', patched(qcow2, 32, be32(2)), /encrypted/],
    ['ends within its header', qcow2.subarray(0, 90), /ends inside its header/],
    ['ends within its tables', qcow2.subarray(0, 65_536), /ends inside its tables/],
  ]
  return cases.map(([what, content, why]) => ({ title: `qcow2 that ${what}`, declared: 'qcow2', content, why }))
}

function namesDataFile(path: string): Buffer {
  return Buffer.concat([be32(0x44415441), be32(path.length), Buffer.from(path.padEnd(16, '\0'))])
}

function fromVmdk(): HostileImage[] {
  const whole = vmdkWith(vmdkDescriptor())
  const flat = vmdkDescriptor({ createType: 'monolithicFlat', extents: 'RW 16384 FLAT "/etc/shadow" 0' })
  const cases: [string, Buffer, RegExp][] = [
    ['is monolithicFlat, its extent a file of the host', Buffer.from(flat), /only a descriptor/],
    ['is monolithicFlat behind a sparse header', vmdkWith(flat), /monolithicFlat is not accepted/],
    ['has a path as its extent', vmdkWith(vmdkDescriptor({ extents: 'RW 16384 SPARSE "/etc/passwd"' })), /is a path/],
    ['depends on a parent', vmdkWith(`${vmdkDescriptor()}parentFileNameHint="/base.vmdk"\n`), /parent/],
    ['has 2^63 sectors', patched(whole, 12, le64(1n << 63n)), /at most 1 PiB/],
    ['ends before its descriptor', whole.subarray(0, 512), /ends inside|no descriptor|createType/],
  ]
  return cases.map(([what, content, why]) => ({ title: `vmdk that ${what}`, declared: 'vmdk', content, why }))
}

async function fromOthers(): Promise<HostileImage[]> {
  const [vhd, vhdx, vdi] = [await made('vpc'), await made('vhdx'), await made('vdi')]
  const luks = (version: number): Buffer =>
    patched(Buffer.alloc(MIB), 0, Buffer.from([...Buffer.from('LUKS\xba\xbe', 'latin1'), 0, version]))
  const size = vhdx.indexOf(Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex'))
  const sizeAt = vhdx.indexOf('metadata') + vhdx.readUInt32LE(size + 16)
  return [
    {
      title: 'vhd that depends on a parent',
      declared: 'vhd',
      content: patched(vhd, 60, be32(4)),
      why: /vhd|whole|checksum/,
    },
    { title: 'vhd of 2^63 bytes', declared: 'vhd', content: patched(vhd, 48, be64(1n << 63n)), why: /1 PiB/ },
    { title: 'vhd without its end', declared: 'vhd', content: vhd.subarray(0, -512), why: /ends inside/ },
    { title: 'vhdx of 2^63 bytes', declared: 'vhdx', content: patched(vhdx, sizeAt, le64(1n << 63n)), why: /1 PiB/ },
    {
      title: 'vdi that depends on a parent',
      declared: 'vdi',
      content: patched(vdi, 0x4c, Buffer.of(4)),
      why: /parent/,
    },
    { title: 'vdi of 2^63 bytes', declared: 'vdi', content: patched(vdi, 0x170, le64(1n << 63n)), why: /1 PiB/ },
    { title: 'luks 1 declared raw', declared: 'raw', content: luks(1), why: /encrypted/ },
    { title: 'luks 2 declared raw', declared: 'raw', content: luks(2), why: /encrypted/ },
  ]
}

function polyglots(qcow2: Buffer): HostileImage[] {
  const gpt = patched(partitioned(), 512, 'EFI PART')
  const iso = patched(gpt, 32_769, 'CD001')
  const all = patched(iso, 0, qcow2.subarray(0, 112))
  return ['iso', 'raw', 'qcow2'].map((declared) => ({
    title: `an ISO with a partition table and the header of a qcow2, declared ${declared}`,
    declared,
    content: all,
    why: /can be read as|but the content is/,
  }))
}

function renamed(qcow2: Buffer): HostileImage[] {
  const cases: [string, Buffer, string][] = [
    ['raw', qcow2, 'qcow2'],
    ['iso', qcow2, 'qcow2'],
    ['raw', vmdkWith(vmdkDescriptor()), 'vmdk'],
    ['qcow2', partitioned(), 'mbr'],
    ['vmdk', Buffer.alloc(MIB, 'x'), 'raw'],
  ]
  return cases.map(([declared, content, found]) => ({
    title: `${found} declared ${declared}`,
    declared,
    content,
    why: new RegExp(`disk_format is ${declared}, but the content is ${found}`),
  }))
}
