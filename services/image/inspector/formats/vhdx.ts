// VHDX: headers, region tables and the metadata region.
// Source of the layout: Microsoft's [MS-VHDX].
import { bytes, type Format, hasAt, type Report, u64le, type Walk } from '../format.ts'

const KIB = 1024
const METADATA_REGION = guid('8b7ca206-4790-4b9a-b8fe-575f050f886e')
const FILE_PARAMETERS = guid('caa16737-fa36-4d43-b3b6-33f0aa44e76b')
const VIRTUAL_DISK_SIZE = guid('2fa54224-cd1b-4876-b211-5dbed83bf4b8')
const PARENT_LOCATOR = guid('a8d35f2d-b30b-454d-abf7-d3d84834ab0c')
const MAX_ENTRIES = 2047
const HAS_PARENT = 0b10

interface Item {
  id: string
  offset: number
  length: number
}

export const vhdx: Format = {
  name: 'vhdx',
  *inspect(report) {
    const head = yield* bytes(0, 8)
    if (!hasAt(head, 0, 'vhdxfile')) return
    report.matched()
    yield* checkLogs(report)
    const metadata = yield* findMetadata(report)
    if (metadata === undefined) return
    yield* checkMetadata(metadata, report)
  },
}

/** A log that a reader would replay may change everything that is checked here. */
function* checkLogs(report: Report): Walk {
  for (const at of [64 * KIB, 128 * KIB]) {
    const header = yield* bytes(at, 64)
    if (header.length < 64) return report.truncated('headers')
    if (hasAt(header, 0, 'head') && header.subarray(48, 64).some((byte) => byte !== 0)) {
      report.problem('log', 'The image was not closed cleanly: its log is not empty.')
    }
  }
}

function* findMetadata(report: Report): Walk<number | undefined> {
  const first = yield* bytes(192 * KIB, 64 * KIB)
  const second = yield* bytes(256 * KIB, 64 * KIB)
  if (second.length < 64 * KIB) {
    report.truncated('region tables')
    return undefined
  }
  if (!first.equals(second)) report.problem('tables', 'The two region tables of the image contradict each other.')
  const count = first.readUInt32LE(8)
  if (!hasAt(first, 0, 'regi') || count > MAX_ENTRIES) {
    report.problem('tables', 'The region table of the image is malformed.')
    return undefined
  }
  const found: number[] = []
  for (let at = 16; at < 16 + count * 32; at += 32) {
    if (first.toString('hex', at, at + 16) === METADATA_REGION) found.push(u64le(first, at + 16))
  }
  const [metadata] = found
  if (found.length !== 1 || metadata! < 1024 * KIB || metadata! > 2 ** 46) {
    report.problem('tables', 'The image must have exactly one metadata region.')
    return undefined
  }
  return metadata
}

function* checkMetadata(region: number, report: Report): Walk {
  const table = yield* bytes(region, 64 * KIB)
  if (table.length < 64 * KIB) return report.truncated('metadata')
  const count = table.readUInt16LE(10)
  if (!hasAt(table, 0, 'metadata') || count > MAX_ENTRIES) {
    return report.problem('metadata', 'The metadata table of the image is malformed.')
  }
  const items: Item[] = []
  for (let at = 32; at < 32 + count * 32; at += 32) {
    const id = table.toString('hex', at, at + 16)
    items.push({ id, offset: table.readUInt32LE(at + 16), length: table.readUInt32LE(at + 20) })
  }
  const named = (id: string) => items.filter((item) => item.id === id)
  if (named(PARENT_LOCATOR).length > 0) report.problem('backing-file', 'The image names a parent image.')
  const wanted = [...named(FILE_PARAMETERS), ...named(VIRTUAL_DISK_SIZE)].sort((a, b) => a.offset - b.offset)
  if (named(FILE_PARAMETERS).length !== 1 || named(VIRTUAL_DISK_SIZE).length !== 1) {
    return report.problem('metadata', 'The image must say its disk size and its file parameters exactly once.')
  }
  for (const item of wanted) {
    const value = yield* bytes(region + item.offset, 8)
    if (value.length < 8) return report.truncated('metadata')
    if (item.id === VIRTUAL_DISK_SIZE) report.sized(u64le(value, 0))
    else if (value.readUInt32LE(4) & HAS_PARENT) report.problem('backing-file', 'The image depends on a parent image.')
  }
}

/** A guid as the hex of its bytes on disk: the first three fields are little-endian. */
function guid(text: string): string {
  const [a, b, c, d, e] = text.split('-') as [string, string, string, string, string]
  const reversed = (hex: string) => Buffer.from(hex, 'hex').reverse().toString('hex')
  return reversed(a) + reversed(b) + reversed(c) + d + e
}
