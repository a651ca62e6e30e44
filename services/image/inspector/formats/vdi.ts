// VDI, VirtualBox's disk image. Source of the layout: QEMU's block/vdi.c.
import { bytes, end, type Format, hasAt, u64le } from '../format.ts'

const SIGNATURE = [0x7f, 0x10, 0xda, 0xbe]
const HEADER = 512
const VERSION_1_1 = 0x0001_0001
const DYNAMIC = 1
const STATIC = 2
const MAX_BLOCKS = 0x1fff_ffff

export const vdi: Format = {
  name: 'vdi',
  *inspect(report) {
    const head = yield* bytes(0, HEADER)
    if (!hasAt(head, 0x40, SIGNATURE)) return
    report.matched()
    if (head.length < HEADER) return report.truncated('header')
    const version = head.readUInt32LE(0x44)
    if (version !== VERSION_1_1) report.problem('version', `The image is VDI of the unknown version ${version}.`)
    const type = head.readUInt32LE(0x4c)
    const isLinked = head.subarray(0x1a8, 0x1c8).some((byte) => byte !== 0)
    if ((type !== DYNAMIC && type !== STATIC) || isLinked) {
      report.problem('backing-file', 'The image is a difference to a parent image.')
    }
    const diskSize = u64le(head, 0x170)
    const blockSize = head.readUInt32LE(0x178)
    const blocks = head.readUInt32LE(0x180)
    report.sized(diskSize)
    if (blocks > MAX_BLOCKS || blocks * blockSize < diskSize) {
      report.problem('tables', 'The block map of the image does not fit its size.')
    }
    const { size } = yield* end()
    const allocated = head.readUInt32LE(0x184)
    const needed = Math.max(head.readUInt32LE(0x154) + blocks * 4, head.readUInt32LE(0x158) + allocated * blockSize)
    if (needed > size) report.truncated('data')
  },
}
