// The expandable disk of Parallels and Virtuozzo. Source of the layout: QEMU's docs/interop/parallels.txt.
import { bytes, type Format, hasAt, u64le } from '../format.ts'

const MAGICS = ['WithoutFreeSpace', 'WithouFreSpacExt']

export const ploop: Format = {
  name: 'ploop',
  *inspect(report) {
    const head = yield* bytes(0, 64)
    if (!MAGICS.some((magic) => hasAt(head, 0, magic))) return
    report.matched()
    if (head.length < 64) return report.truncated('header')
    report.sized(u64le(head, 36) * 512)
  },
}
