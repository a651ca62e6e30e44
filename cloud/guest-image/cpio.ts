// An initramfs archive (cpio, format newc) written from memory: owned by root and the same bytes each time.

export interface CpioEntry {
  /** Without a leading slash. Parent directories are added by writeCpio. */
  path: string
  /** File type and permissions, as in stat. */
  mode: number
  content: Uint8Array
}

const DIRECTORY = 0o040755
const TRAILER = 'TRAILER!!!'

/** A regular file. */
export function fileEntry(path: string, content: Uint8Array, mode = 0o644): CpioEntry {
  return { path, mode: 0o100000 | mode, content }
}

/** The archive of the entries and their directories, sorted by path. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      if (!byPath.has(parent)) byPath.set(parent, { path: parent, mode: DIRECTORY, content: new Uint8Array() })
    }
  }
  const sorted = [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
  const records = sorted.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...records, record({ path: TRAILER, mode: 0, content: new Uint8Array() }, 0)])
}

function record({ path, mode, content }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`)
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1
  // inode, mode, uid, gid, links, mtime, size, device, special device, name's size, checksum
  const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`)
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)])
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
