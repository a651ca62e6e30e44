// The metadata service as a function: what a guest gets for a path. Who asks is decided before, by the port.
import { posix } from 'node:path'
import type { GuestSpec } from '../guest-spec.ts'
import { type Ec2Node, ec2Text, ec2Tree, isFolder } from './ec2-metadata.ts'
import { fullHostname, type MetadataOptions, openstackFiles } from './instance-metadata.ts'
import { EC2_VERSIONS, OPENSTACK_VERSIONS, resolveVersion } from './versions.ts'

export interface MetadataRequest {
  method: string
  /** The request's path; a query is ignored. */
  path: string
  body?: Uint8Array
}

export interface MetadataResponse {
  status: number
  headers: Record<string, string>
  body: string | Uint8Array
  /** The encrypted password that the guest posted: to be stored before the answer is sent. */
  newPassword?: string
}

export interface MetadataGuest {
  spec: GuestSpec
  /** The encrypted password that the guest posted earlier, or ''. */
  password: string
}

const MAX_PASSWORD = 1020
const TEXT = 'text/plain; charset=UTF-8'

/** Answers one request of a guest; null is a source that no guest is known for. `today` is YYYY-MM-DD. */
export function metadataResponse(
  request: MetadataRequest,
  guest: MetadataGuest | null,
  options: MetadataOptions & { today: string },
): MetadataResponse {
  const segments = pathSegments(request.path)
  if (!segments || !guest) return problem(404, 'Not Found')
  const [tree, ...rest] = segments
  if (tree === 'openstack' && rest.length === 2 && rest[1] === 'password') return password(rest[0]!, request, guest)
  const found =
    tree === 'openstack' ? openstack(rest, guest, options) : ec2(tree === 'ec2' ? rest : segments, guest, options)
  if (!found) return problem(404, 'Not Found')
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return problem(405, 'Method Not Allowed', { allow: 'GET, HEAD' })
  return found
}

/** The path's parts without empty ones; undefined when it cannot be decoded. */
function pathSegments(path: string): string[] | undefined {
  try {
    const decoded = decodeURIComponent(path.split('?')[0]!)
    return posix.normalize(`/${decoded}`).split('/').filter(Boolean)
  } catch {
    return undefined
  }
}

function openstack(
  segments: string[],
  { spec }: MetadataGuest,
  options: MetadataOptions & { today: string },
): MetadataResponse | undefined {
  const [name, ...file] = segments
  if (name === undefined) return text([...OPENSTACK_VERSIONS.filter((v) => v <= options.today), 'latest'].join('\n'))
  const version = resolveVersion(OPENSTACK_VERSIONS, name)
  if (!version) return undefined
  const files = openstackFiles(spec, version, { ...options, place: 'service' })
  if (file.length === 0) return text(listing(version, [...files.keys()]))
  const content = files.get(file.join('/'))
  if (!content) return undefined
  return file[0]!.endsWith('.json')
    ? { status: 200, headers: { 'content-type': 'application/json' }, body: content }
    : text(content)
}

/** File names in the order in which they came into being. */
function listing(version: string, files: string[]): string {
  const order = [
    'meta_data.json',
    'user_data',
    'password',
    'vendor_data.json',
    'network_data.json',
    'vendor_data2.json',
  ]
  const names = version >= '2013-04-04' ? [...files, 'password'] : files
  return order.filter((name) => names.includes(name)).join('\n')
}

function ec2(segments: string[], { spec }: MetadataGuest, options: MetadataOptions): MetadataResponse | undefined {
  const [name, ...path] = segments
  if (name === undefined) return text([...EC2_VERSIONS, 'latest'].join('\n'))
  const version = resolveVersion(EC2_VERSIONS, name)
  if (!version) return undefined
  let node: Ec2Node = ec2Tree(spec, version, fullHostname(spec, options.dhcpDomain))
  for (const key of path) {
    if (!isFolder(node) || key === '_name' || !Object.hasOwn(node, key)) return undefined
    node = node[key]!
  }
  return text(ec2Text(node))
}

function password(version: string, request: MetadataRequest, guest: MetadataGuest): MetadataResponse {
  const known = resolveVersion(OPENSTACK_VERSIONS, version)
  if (!known || known < '2013-04-04') return problem(404, 'Not Found')
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return text(guest.password)
    case 'POST': {
      if (guest.password) return problem(409, 'Conflict')
      const body = request.body ?? new Uint8Array()
      if (body.length > MAX_PASSWORD) return problem(400, 'Request is too large.')
      return { ...text(''), newPassword: Buffer.from(body).toString('utf8') }
    }
    default:
      return problem(400, 'GET and POST only are supported.')
  }
}

function text(body: string | Uint8Array): MetadataResponse {
  return { status: 200, headers: { 'content-type': TEXT }, body }
}

function problem(status: number, body: string, headers: Record<string, string> = {}): MetadataResponse {
  return { status, headers: { 'content-type': TEXT, ...headers }, body }
}
