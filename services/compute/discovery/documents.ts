// What the service says of its versions before anybody asks with a token.
import { MAX_VERSION, MIN_VERSION } from '../versions.ts'

interface Version {
  status: 'CURRENT' | 'DEPRECATED'
  version: string
  min_version: string
  updated: string
}

const VERSIONS: Record<string, Version> = {
  'v2.0': { status: 'DEPRECATED', version: '', min_version: '', updated: '2025-07-04T12:00:00Z' },
  'v2.1': { status: 'CURRENT', version: MAX_VERSION, min_version: MIN_VERSION, updated: '2013-07-23T11:33:21Z' },
}

const segmentOf = (id: string): string => (id === 'v2.0' ? 'v2' : id)

/** All versions; `service` is the address that the caller reached, such as `http://host/compute`. */
export function versionsDocument(service: string): object {
  const versions = Object.entries(VERSIONS).map(([id, version]) => ({
    id,
    ...version,
    links: [{ rel: 'self', href: `${service}/${segmentOf(id)}/` }],
  }))
  return { versions }
}

const mediaTypes = (number: string) => [
  { base: 'application/json', type: `application/vnd.openstack.compute+json;version=${number}` },
]

/** For a path without a version: where it would be in each. Undefined for paths that have one. */
export function choicesDocument(service: string, path: string): object | undefined {
  if (/^\/v2(\.1)?(\/|$)/.test(path)) return undefined
  const choices = Object.entries(VERSIONS).map(([id, { status }]) => ({
    id,
    status,
    links: [{ rel: 'self', href: `${service}/${segmentOf(id)}${path}` }],
    'media-types': mediaTypes(segmentOf(id).slice(1)),
  }))
  return { choices }
}

/** One version, or undefined for an id that is none. */
export function versionDocument(service: string, id: string): object | undefined {
  const version = Object.hasOwn(VERSIONS, id) ? VERSIONS[id] : undefined
  if (!version) return undefined
  const number = segmentOf(id).slice(1)
  const links = [
    { rel: 'self', href: `${service}/${segmentOf(id)}/` },
    { rel: 'describedby', type: 'text/html', href: 'http://docs.openstack.org/' },
  ]
  return { version: { id, ...version, links, 'media-types': mediaTypes(number) } }
}
