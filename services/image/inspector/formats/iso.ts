// ISO 9660: the primary volume descriptor in sector 16.
import { bytes, end, type Format, hasAt } from '../format.ts'

const DESCRIPTOR_AT = 32_768

export const iso: Format = {
  name: 'iso',
  *inspect(report) {
    const descriptor = yield* bytes(DESCRIPTOR_AT, 2048)
    if (!hasAt(descriptor, 1, 'CD001')) return
    report.matched()
    if (descriptor.length < 2048) return report.truncated('volume descriptor')
    const { size } = yield* end()
    report.sized(size)
  },
}
