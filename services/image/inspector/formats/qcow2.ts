// qcow2 (and its ancestor qcow): header and header extensions, all within the first cluster.
// Source of the layout: QEMU's docs/interop/qcow2.txt.
import { bytes, end, type Format, hasAt, type Report, u64be, type Walk } from '../format.ts'

const MAGIC = 'QFI\xfb'
const V2_HEADER = 72
const V3_HEADER = 104
const EXTENSION_END = 0
const EXTENSION_DATA_FILE = 0x44415441
const EXTENSION_CRYPTO = 0x0537be77
const MAX_EXTENSIONS = 64
// QEMU's own limits on the tables that it loads whole.
const MAX_L1_BYTES = 32 * 1024 * 1024
const MAX_REFCOUNT_TABLE_BYTES = 8 * 1024 * 1024
const MAX_SNAPSHOTS = 65_536

const INCOMPATIBLE = { corrupt: 1n << 1n, dataFile: 1n << 2n, extendedL2: 1n << 4n, known: 0b11111n }

interface Header {
  version: number
  clusterSize: number
  virtualSize: number
  l1Entries: number
  l1Offset: number
  refcountOffset: number
  refcountClusters: number
  extendedL2: boolean
  /** Where the extensions begin. */
  length: number
}

export const qcow2: Format = {
  name: 'qcow2',
  *inspect(report) {
    const head = yield* bytes(0, 112)
    if (!hasAt(head, 0, MAGIC) || head.length < 8 || head.readUInt32BE(4) === 1) return
    report.matched()
    const header = readHeader(head, report)
    if (!header) return
    report.sized(header.virtualSize)
    checkTables(header, report)
    yield* checkExtensions(header, report)
    const { size } = yield* end()
    const tablesEnd = Math.max(
      header.l1Offset + header.l1Entries * 8,
      header.refcountOffset + header.refcountClusters * header.clusterSize,
    )
    if (tablesEnd > size) report.truncated('tables')
  },
}

export const qcow: Format = {
  name: 'qcow',
  *inspect(report) {
    const head = yield* bytes(0, 8)
    if (!hasAt(head, 0, [...Buffer.from(MAGIC, 'latin1'), 0, 0, 0, 1])) return
    report.matched()
    report.problem('format', 'The image is qcow version 1, which is not accepted. Convert it to qcow2.')
  },
}

function readHeader(head: Buffer, report: Report): Header | undefined {
  const version = head.readUInt32BE(4)
  if (version !== 2 && version !== 3) {
    report.problem('version', `The image is qcow2 of the unknown version ${version}.`)
    return undefined
  }
  if (head.length < (version === 2 ? V2_HEADER : V3_HEADER)) {
    report.truncated('header')
    return undefined
  }
  checkReferences(head, report)
  const clusterBits = head.readUInt32BE(20)
  if (clusterBits < 9 || clusterBits > 21) {
    report.problem('header', `The image has a cluster size of 2^${clusterBits} bytes; 2^9 to 2^21 are valid.`)
    return undefined
  }
  const features = version === 3 ? head.readBigUInt64BE(72) : 0n
  if (version === 3) checkFeatures(head, features, report)
  if (head.readUInt32BE(60) > MAX_SNAPSHOTS) report.problem('header', 'The image claims too many internal snapshots.')
  return {
    version,
    clusterSize: 2 ** clusterBits,
    virtualSize: u64be(head, 24),
    l1Entries: head.readUInt32BE(36),
    l1Offset: u64be(head, 40),
    refcountOffset: u64be(head, 48),
    refcountClusters: head.readUInt32BE(56),
    extendedL2: (features & INCOMPATIBLE.extendedL2) !== 0n,
    length: version === 3 ? head.readUInt32BE(100) : V2_HEADER,
  }
}

function checkReferences(head: Buffer, report: Report): void {
  if (head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(16) !== 0) {
    report.problem('backing-file', 'The image names a backing file. Flatten it first: qemu-img convert -O qcow2.')
  }
  if (head.readUInt32BE(32) !== 0) {
    report.problem('encryption', 'The image is encrypted, so that no server could be started from it.')
  }
}

function checkFeatures(head: Buffer, features: bigint, report: Report): void {
  if (features & INCOMPATIBLE.dataFile) {
    report.problem('data-file', 'The image keeps its data in another file. Make it whole: qemu-img convert -O qcow2.')
  }
  if (features & INCOMPATIBLE.corrupt) {
    report.problem('corrupt', 'The image is marked as corrupt. Repair it first: qemu-img check -r all.')
  }
  if (features & ~INCOMPATIBLE.known) {
    const bits = (features & ~INCOMPATIBLE.known).toString(16)
    report.problem('features', `The image uses unknown incompatible features (0x${bits}).`)
  }
  if (head.readUInt32BE(96) > 6) report.problem('header', 'The image has refcounts of more than 64 bits.')
}

function checkTables(header: Header, report: Report): void {
  const { clusterSize, virtualSize, l1Entries, refcountClusters, extendedL2 } = header
  if (l1Entries * 8 > MAX_L1_BYTES) report.problem('tables', `The image claims an L1 table of ${l1Entries} entries.`)
  if (refcountClusters * clusterSize > MAX_REFCOUNT_TABLE_BYTES) {
    report.problem('tables', `The image claims a refcount table of ${refcountClusters} clusters.`)
  }
  const coveredByEntry = clusterSize * (clusterSize / (extendedL2 ? 16 : 8))
  if (virtualSize > l1Entries * coveredByEntry) {
    report.problem('virtual-size', 'The image claims a disk that is larger than its own tables can describe.')
  }
}

function* checkExtensions(header: Header, report: Report): Walk {
  const { version, clusterSize, length } = header
  if (version === 3 && (length < V3_HEADER || length % 8 !== 0 || length > clusterSize)) {
    report.problem('header', `The image has an impossible header length of ${length}.`)
    return
  }
  let at = length
  for (let count = 0; at + 8 <= clusterSize; count++) {
    const head = yield* bytes(at, 8)
    if (head.length < 8) return report.truncated('header extensions')
    const type = head.readUInt32BE(0)
    if (type === EXTENSION_END) return
    if (type === EXTENSION_DATA_FILE) report.problem('data-file', 'The image names an external data file.')
    if (type === EXTENSION_CRYPTO) report.problem('encryption', 'The image has a header for full-disk encryption.')
    if (count === MAX_EXTENSIONS) return report.problem('header', 'The image has too many header extensions.')
    at += 8 + Math.ceil(head.readUInt32BE(4) / 8) * 8
    if (at > clusterSize) return report.problem('header', 'A header extension leaves the first cluster.')
  }
}
