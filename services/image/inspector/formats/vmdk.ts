// VMDK: the sparse header, the descriptor text inside the file, and the footer of streamOptimized images.
// Source of the layout: VMware's "Virtual Disk Format 5.0"; what a reader does with it: QEMU's block/vmdk.c.
import { bytes, end, type Format, hasAt, type Report, shown, u64le, type Walk } from '../format.ts'

const SECTOR = 512
const GRAIN_DIRECTORY_AT_END = 0xffff_ffff_ffff_ffffn
const MARKER_FOOTER = 3
const MAX_DESCRIPTOR = 64 * 1024
const CREATE_TYPES = ['monolithicSparse', 'streamOptimized']
// What QEMU takes for a bare descriptor: comments and blank lines, then the version.
const BARE_DESCRIPTOR = /^(?:#[^\n]*\n| *\r?\n)*version=[123]\r?\n/
const DESCRIPTOR_TITLE = /^\s*# *disk *descriptor *file/i

export const vmdk: Format = {
  name: 'vmdk',
  *inspect(report) {
    const head = yield* bytes(0, SECTOR)
    if (hasAt(head, 0, 'COWD')) {
      report.matched()
      report.problem('createType', 'The image is one extent of an ESX disk. Only whole sparse images are accepted.')
    } else if (hasAt(head, 0, 'KDMV')) {
      report.matched()
      yield* inspectSparse(head, report)
    } else {
      yield* inspectBareDescriptor(report)
    }
  },
}

function* inspectBareDescriptor(report: Report): Walk {
  const text = (yield* bytes(0, 4096)).toString('latin1')
  if (!BARE_DESCRIPTOR.test(text) && !DESCRIPTOR_TITLE.test(text)) return
  report.matched()
  report.problem('createType', 'The image is only a descriptor whose data lies in other files.')
}

function* inspectSparse(head: Buffer, report: Report): Walk {
  if (head.length < SECTOR) return report.truncated('header')
  const capacity = u64le(head, 12)
  if (capacity === 0) report.problem('header', 'The image has no capacity, so that its extents would be other files.')
  report.sized(capacity * SECTOR)
  checkGeometry(head, report)
  const offset = u64le(head, 28) * SECTOR
  const length = u64le(head, 36) * SECTOR
  if (offset < SECTOR || length === 0 || length > MAX_DESCRIPTOR || offset > MAX_DESCRIPTOR) {
    return report.problem('descriptor', 'The image holds no descriptor at its start, as one extent of a split disk.')
  }
  const descriptor = yield* bytes(offset, length)
  if (descriptor.length < length) return report.truncated('descriptor')
  checkDescriptor(descriptor.toString('latin1').split('\0', 1)[0]!, report)
  const { tail, size } = yield* end()
  if (u64le(head, 64) * SECTOR > size) report.truncated('tables')
  if (head.readBigUInt64LE(56) === GRAIN_DIRECTORY_AT_END) checkFooter(head, tail, report)
}

function checkGeometry(head: Buffer, report: Report): void {
  const version = head.readUInt32LE(4)
  if (version < 1 || version > 3) report.problem('version', `The image is VMDK of the unknown version ${version}.`)
  const grain = u64le(head, 20)
  const entries = head.readUInt32LE(44)
  if (grain < 1 || grain > 65_536 || entries < 1 || entries > 512) {
    report.problem('tables', `The image claims impossible tables (grain ${grain}, entries ${entries}).`)
  }
}

function checkDescriptor(text: string, report: Report): void {
  const types = [...text.matchAll(/createType/gi)]
  const createType = /^[ \t]*createType[ \t]*=[ \t]*"([^"\r\n]*)"[ \t]*$/im.exec(text)?.[1]
  if (types.length !== 1 || createType === undefined) {
    report.problem('createType', 'The descriptor must name its createType exactly once.')
  } else if (!CREATE_TYPES.includes(createType)) {
    const allowed = CREATE_TYPES.join(' and ')
    report.problem('createType', `The createType ${shown(createType)} is not accepted; only ${allowed} are.`)
  }
  const parent = /parentCID[ \t]*=[ \t]*"?([^"\s]*)/gi
  if ([...text.matchAll(parent)].some((match) => !/^ffffffff$/i.test(match[1]!))) {
    report.problem('backing-file', 'The image depends on a parent image.')
  }
  if (/parentFileNameHint/i.test(text)) report.problem('backing-file', 'The image names the file of a parent image.')
  checkExtents(text, report)
}

function checkExtents(text: string, report: Report): void {
  const extents = text.split(/[\r\n]+/).filter((line) => /^\s*(rw|rdonly|noaccess)\b/i.test(line))
  if (extents.length !== 1) {
    report.problem('extents', `The descriptor lists ${extents.length} extents; exactly one, in this file, is accepted.`)
  }
  for (const line of extents.slice(0, 3)) {
    const [, type, name] = /^\s*\w+\s+\d+\s+(\w+)\s+"([^"]*)"/.exec(line) ?? []
    if (type === undefined || name === undefined) report.problem('extents', 'An extent of the descriptor is malformed.')
    else if (type.toUpperCase() !== 'SPARSE') report.problem('extents', `An extent of type ${shown(type)} is refused.`)
    else if (/[/\\]|^\.|:/.test(name)) report.problem('extents', 'An extent of the descriptor is a path.')
  }
}

/** A reader takes the footer in the header's place, so that both must say the same. */
function checkFooter(head: Buffer, tail: Buffer, report: Report): void {
  const last = tail.subarray(-3 * SECTOR)
  const footer = last.subarray(SECTOR, 2 * SECTOR)
  if (last.length < 3 * SECTOR || last.readUInt32LE(12) !== MARKER_FOOTER || !hasAt(footer, 0, 'KDMV')) {
    report.truncated('footer')
  } else if (!footer.subarray(0, 48).equals(head.subarray(0, 48))) {
    report.problem('footer', 'The footer of the image contradicts its header.')
  }
}
