// The bodies of PATCH: RFC 6902 as the image API takes it (version 2.1), and its older form (version 2.0).
import { fault } from '../faults.ts'

export const PATCH_MEDIA_TYPES = [
  'application/openstack-images-v2.1-json-patch',
  'application/openstack-images-v2.0-json-patch',
] as const

export type PatchForm = 'v2.0' | 'v2.1'
const OPERATIONS = ['add', 'replace', 'remove'] as const
type Operation = (typeof OPERATIONS)[number]

/** One change of one attribute or property. */
export interface Change {
  op: Operation
  name: string
  /** Undefined for remove only. */
  value?: unknown
}

export function patchFormOf(contentType: string | undefined): PatchForm {
  return contentType?.includes('v2.0') ? 'v2.0' : 'v2.1'
}

/** Throws Invalid on anything that is not a list of operations on attributes. */
export function parsePatch(body: unknown, form: PatchForm): Change[] {
  if (!Array.isArray(body)) throw invalid('Request body must be a JSON array of operation objects.')
  return body.map((item) => parseOperation(item, form))
}

function parseOperation(item: unknown, form: PatchForm): Change {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw invalid('Operations must be JSON objects.')
  }
  const { op, path } = form === 'v2.1' ? newForm(item) : oldForm(item)
  const name = nameIn(path)
  if (op === 'remove') return { op, name }
  if (!('value' in item)) throw invalid(`Operation "${op}" requires a member named "value".`)
  return { op, name, value: item.value }
}

function newForm(item: object): { op: Operation; path: unknown } {
  const { op, path } = item as { op?: unknown; path?: unknown }
  if (!isOperation(op)) throw invalid(`Operations must be one of ${OPERATIONS.join(', ')}.`)
  return { op, path }
}

function oldForm(item: object): { op: Operation; path: unknown } {
  const found = OPERATIONS.filter((op) => op in item)
  const [op] = found
  if (found.length !== 1 || op === undefined) {
    throw invalid(`Operation objects must contain exactly one member named ${OPERATIONS.join(', ')}.`)
  }
  return { op, path: (item as Record<string, unknown>)[op] }
}

function isOperation(op: unknown): op is Operation {
  return (OPERATIONS as readonly unknown[]).includes(op)
}

/** The one name that a JSON pointer of this API has. */
function nameIn(path: unknown): string {
  if (typeof path !== 'string') throw invalid('Operations need a path.')
  if (!/^\/[^/]+$/.test(path) || /~(?![01])/.test(path)) {
    throw invalid(`Invalid JSON pointer for this resource: '${path.slice(0, 255)}'`)
  }
  return path.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')
}

function invalid(message: string) {
  return fault('Invalid', { message })
}
