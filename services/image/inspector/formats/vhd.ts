// VHD: a footer at the end, copied to the start of dynamic images. Fixed images are a plain disk and that footer.
// Source of the layout: Microsoft's "Virtual Hard Disk Image Format Specification".
import { bytes, end, type Format, hasAt, type Report, u64be, type Walk } from '../format.ts'

const COOKIE = 'conectix'
const FOOTER = 512
const CHECKSUM_AT = 64
const FIXED = 2
const DYNAMIC = 3
const MAX_BLOCKS = 0x400_0000

export const vhd: Format = {
  name: 'vhd',
  *inspect(report) {
    const head = yield* bytes(0, FOOTER)
    if (hasAt(head, 0, COOKIE)) {
      report.matched()
      yield* inspectDynamic(head, report)
      return
    }
    const { tail, size } = yield* end()
    const footer = tail.subarray(-FOOTER)
    if (!hasAt(footer, 0, COOKIE) || footer.length < FOOTER) return
    report.matched()
    report.wrapsPlainDisk = true
    const diskSize = checkFooter(footer, report)
    report.sized(diskSize)
    if (footer.readUInt32BE(60) !== FIXED) report.truncated('header: only its footer is there')
    if (diskSize > size - FOOTER) report.truncated('data')
  },
}

function* inspectDynamic(head: Buffer, report: Report): Walk {
  if (head.length < FOOTER) return report.truncated('header')
  report.sized(checkFooter(head, report))
  const type = head.readUInt32BE(60)
  if (type !== DYNAMIC) return report.problem('backing-file', `The image is of disk type ${type}, not a whole one.`)
  const at = u64be(head, 16)
  if (at < FOOTER || at > 2 ** 20) return report.problem('header', 'The dynamic disk header is not near the start.')
  const header = yield* bytes(at, 1024)
  if (header.length < 1024) return report.truncated('dynamic disk header')
  if (!hasAt(header, 0, 'cxsparse')) return report.problem('header', 'The dynamic disk header is missing.')
  const blocks = header.readUInt32BE(28)
  const blockSize = header.readUInt32BE(32)
  if (blocks > MAX_BLOCKS || blockSize < 512 || blocks * blockSize < u64be(head, 48)) {
    report.problem('tables', 'The block table of the image does not fit its size.')
  }
  const { tail, size } = yield* end()
  if (u64be(header, 16) + blocks * 4 > size) report.truncated('block table')
  const footer = tail.subarray(-FOOTER)
  if (!hasAt(footer, 0, COOKIE)) return report.truncated('footer')
  if (!footer.subarray(0, FOOTER).equals(head))
    report.problem('footer', 'The footer contradicts its copy at the start.')
}

/** Returns the size of the disk in bytes. */
function checkFooter(footer: Buffer, report: Report): number {
  let sum = 0
  for (let at = 0; at < FOOTER; at++) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + 4) sum += footer[at]!
  }
  if (~sum >>> 0 !== footer.readUInt32BE(CHECKSUM_AT)) {
    report.problem('checksum', 'The footer of the image does not match its checksum.')
  }
  return u64be(footer, 48)
}
