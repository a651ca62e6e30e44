// From the query string of GET /allocation_candidates to a request, or the fault of what is wrong with it.
import type { Call } from '@kilonova/api/route'
import { isUuidLike } from '@kilonova/base/ids'
import { askedAggregates, askedResources, askedTraits } from '../asked.ts'
import { fault } from '../faults.ts'
import type { Group, Request } from './request.ts'

type Asked = Pick<Call, 'at' | 'search'>

/** Since when a group may say this of itself. */
const OF_GROUP: Readonly<Record<string, string>> = {
  resources: '1.10',
  required: '1.17',
  member_of: '1.21',
  in_tree: '1.31',
}
const OF_REQUEST: Readonly<Record<string, string>> = {
  limit: '1.16',
  group_policy: '1.25',
  root_required: '1.35',
  same_subtree: '1.36',
}
/** Since when it may be said more than once. */
const REPEATABLE: Readonly<Record<string, string>> = { member_of: '1.24', required: '1.39', same_subtree: '1.36' }

export function askedRequest(call: Asked): Request {
  const { at, search } = call
  refuseUnknown(call)
  const suffixes = new Set([...search.keys()].flatMap((key) => groupKey(call, key)?.suffix ?? []))
  const groups = [...suffixes].map((suffix) => groupOf(call, suffix))
  const sameSubtrees = search.getAll('same_subtree').map((value) => value.split(','))
  checkGroups(groups, sameSubtrees)
  return {
    groups,
    isolate: isolateOf(call, groups),
    root: askedTraits(search.getAll('root_required'), (version) => version !== '1.39' && at(version)),
    sameSubtrees,
    nested: at('1.29'),
    limit: limitOf(call),
  }
}

interface GroupKey {
  what: string
  suffix: string
}

function groupKey({ at }: Asked, key: string): GroupKey | undefined {
  const what = Object.keys(OF_GROUP).find((name) => key.startsWith(name) && at(OF_GROUP[name]!))
  if (what === undefined) return undefined
  const suffix = key.slice(what.length)
  const isSuffix = at('1.33') ? /^[A-Za-z0-9_-]{0,64}$/ : at('1.25') ? /^([1-9]\d*)?$/ : /^$/
  return isSuffix.test(suffix) ? { what, suffix } : undefined
}

function refuseUnknown(call: Asked): void {
  const { at, search } = call
  for (const key of new Set(search.keys())) {
    const what = key in OF_REQUEST ? key : groupKey(call, key)?.what
    const since = what === undefined ? undefined : (OF_REQUEST[what] ?? OF_GROUP[what])
    if (what === undefined || since === undefined || !at(since)) {
      throw fault('BadRequest', {
        message: `Invalid query string parameters: Additional properties are not allowed ('${key}' was unexpected)`,
      })
    }
    const repeatable = REPEATABLE[what]
    const isOnce = repeatable === undefined || !at(repeatable)
    if (isOnce && search.getAll(key).length > 1) throw fault('DuplicateQueryKey', { name: key })
  }
}

function groupOf({ at, search }: Asked, suffix: string): Group {
  const resources = search.get(`resources${suffix}`)
  const inTree = search.get(`in_tree${suffix}`) ?? undefined
  if (inTree !== undefined && !isUuidLike(inTree)) {
    throw fault('BadQuery', { message: `Expected 'in_tree' parameter to be a UUID. Got: ${inTree}` })
  }
  return {
    suffix,
    resources: resources === null ? {} : askedResources(resources),
    ...askedTraits(search.getAll(`required${suffix}`), at),
    ...askedAggregates(search.getAll(`member_of${suffix}`), at),
    inTree,
  }
}

function checkGroups(groups: readonly Group[], sameSubtrees: readonly string[][]): void {
  const related = new Set(sameSubtrees.flat())
  const isEmpty = ({ resources }: Group): boolean => Object.keys(resources).length === 0
  if (groups.every(isEmpty)) {
    throw fault('MissingQueryValue', {
      message: 'There must be at least one resources or resources[$S] parameter.',
    })
  }
  const orphans = groups.filter((group) => isEmpty(group) && !related.has(group.suffix))
  if (orphans.length > 0) {
    const names = orphans.map(({ suffix }) => `'${suffix}'`).join(', ')
    throw fault('MissingQueryValue', {
      message: `All traits, aggregates and trees must be associated with resources. These groups have none: ${names}`,
    })
  }
  const suffixes = new Set(groups.map(({ suffix }) => suffix).filter((suffix) => suffix !== ''))
  const unknown = [...related].filter((suffix) => !suffixes.has(suffix))
  if (unknown.length > 0) {
    const names = unknown.map((suffix) => `'${suffix}'`).join(', ')
    throw fault('BadQuery', { message: `Real suffixes should be specified in same_subtree. These are none: ${names}` })
  }
}

function isolateOf({ search }: Asked, groups: readonly Group[]): boolean {
  const policy = search.get('group_policy')
  if (policy !== null && policy !== 'none' && policy !== 'isolate') {
    throw fault('BadQuery', { message: `Invalid group_policy '${policy}': it must be 'none' or 'isolate'.` })
  }
  const suffixed = groups.filter(({ suffix, resources }) => suffix !== '' && Object.keys(resources).length > 0)
  if (policy === null && suffixed.length > 1) {
    throw fault('MissingQueryValue', {
      message: 'The group_policy parameter is required when specifying more than one resources[$S] parameter.',
    })
  }
  return policy === 'isolate'
}

function limitOf({ search }: Asked): number {
  const limit = search.get('limit')
  if (limit === null) return Infinity
  if (!/^[1-9]\d*$/.test(limit)) {
    throw fault('BadQuery', { message: `Invalid query string parameters: '${limit}' is no limit of 1 or more.` })
  }
  return Number(limit)
}
