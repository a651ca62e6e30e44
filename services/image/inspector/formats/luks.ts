// LUKS versions 1 and 2: recognised, and refused, since nobody could give a server's disk its key.
import { bytes, type Format, hasAt } from '../format.ts'

const MAGIC = 'LUKS\xba\xbe'

export const luks: Format = {
  name: 'luks',
  *inspect(report) {
    const head = yield* bytes(0, 8)
    if (!hasAt(head, 0, MAGIC)) return
    report.matched()
    if (head.length < 8) return report.truncated('header')
    report.problem(
      'encryption',
      `The image is encrypted (LUKS version ${head.readUInt16BE(6)}), which is not accepted.`,
    )
  },
}
