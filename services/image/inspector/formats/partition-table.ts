// Partition tables: what a plain disk usually begins with. They are named, never refused for themselves.
import { bytes, type Format, hasAt } from '../format.ts'

const BOOT_SIGNATURE = [0x55, 0xaa]
const GPT_SIGNATURE = 'EFI PART'

export const gpt: Format = {
  name: 'gpt',
  *inspect(report) {
    const head = yield* bytes(0, 4104)
    if (hasAt(head, 512, GPT_SIGNATURE) || hasAt(head, 4096, GPT_SIGNATURE)) report.matched()
  },
}

export const mbr: Format = {
  name: 'mbr',
  *inspect(report) {
    const head = yield* bytes(0, 520)
    if (!hasAt(head, 510, BOOT_SIGNATURE) || hasAt(head, 512, GPT_SIGNATURE)) return
    const entries = [446, 462, 478, 494].map((at) => head.subarray(at, at + 16))
    const used = entries.filter((entry) => entry.some((byte) => byte !== 0))
    // A file system without partitions has the same signature, and boot code where the entries would be.
    const isTable = used.every((entry) => (entry[0]! & 0x7f) === 0 && entry[4] !== 0 && entry.readUInt32LE(12) !== 0)
    if (used.length > 0 && isTable) report.matched()
  },
}
