// Whether a plug-in fits this compute and the plug-ins before it.
import type { Route } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { changePoints, version } from '@kilonova/api/versions'
import { nearest } from '@kilonova/base/options'
import type { Compute } from './compute.ts'
import { sagasWith } from './conductor/sagas.ts'
import type { ActivePlugin, Fields, TaskHook } from './plugin.ts'
import { misshapen, PARTS } from './plugin-shape.ts'
import { allFilters } from './scheduler/filters/all.ts'
import { allWeighers } from './scheduler/weighers/all.ts'
import { NetworkRequest, NewServer } from './servers/schema.ts'
import { computeService } from './service.ts'
import { MAX_VERSION } from './versions.ts'

/** What is wrong with a plug-in, and what its author or operator can do. */
export interface Wrong {
  why: string
  mend: string
}

type Look = (plugin: ActivePlugin, compute: Compute) => Wrong | undefined

/** The first thing that is wrong; undefined when it fits. `compute.plugins` are those before it. */
export function checkPlugin(plugin: ActivePlugin, compute: Compute): Wrong | undefined {
  const looks: Look[] = [parts, creates, views, rules, routes, filters, weighers, tasks, hooks]
  return first(looks, (look) => look(plugin, compute))
}

function first<Item, Found>(items: readonly Item[], look: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = look(item)
    if (found !== undefined) return found
  }
  return undefined
}

const taken = (what: string): Wrong => ({ why: `${what} is there already`, mend: 'Give it another name.' })

function parts(plugin: ActivePlugin): Wrong | undefined {
  const { name: _, ...extension } = plugin
  const unknown = Object.keys(extension).find((key) => !PARTS.includes(key))
  if (unknown !== undefined) {
    return {
      why: `there is no part ${unknown} that it could add`,
      mend: `The nearest one is ${nearest(unknown, PARTS)}.`,
    }
  }
  const wrong = misshapen(plugin)
  return (
    wrong && { why: `its ${wrong.what} is no ${wrong.kind}`, mend: `Make it one, as services/compute/plugin.ts says.` }
  )
}

function creates({ name, serverCreate }: ActivePlugin, { plugins = [] }: Compute): Wrong | undefined {
  if (!serverCreate) return undefined
  const { act, fields = {}, networkFields = {} } = serverCreate
  if (typeof act !== 'function')
    return { why: `extension ${name} is missing server_create`, mend: 'Give its serverCreate a function act.' }
  const earlier = plugins.flatMap((plugin) => plugin.serverCreate ?? [])
  const server = [NewServer.properties, ...earlier.map((one) => one.fields ?? {})]
  const item = [NetworkRequest.properties, ...earlier.map((one) => one.networkFields ?? {})]
  return newFields(fields, server, 'a server') ?? newFields(networkFields, item, 'an item of networks')
}

function newFields(fields: Fields, others: readonly object[], of: string): Wrong | undefined {
  const twice = Object.keys(fields).find((field) => others.some((known) => Object.hasOwn(known, field)))
  if (twice !== undefined) return taken(`the field ${twice} of ${of}`)
  const { required = [] } = Type.Object(fields) as { required?: string[] }
  if (required.length === 0) return known(fields)
  return {
    why: `the field ${required[0]} of ${of} is required, which requests of everybody else lack`,
    mend: 'Wrap it in Type.Optional.',
  }
}

function known(fields: Fields): Wrong | undefined {
  if (changePoints([fields]).every((point) => point <= version(MAX_VERSION))) return undefined
  return {
    why: `its fields name microversions beyond ${MAX_VERSION}, the newest`,
    mend: 'Name one that callers can ask for in since, and an older one in until; or leave them out.',
  }
}

const VENDOR_FIELD = /^(?!OS-|os-)[A-Za-z0-9-]+:[A-Za-z0-9_.-]+$/

function views({ serverView }: ActivePlugin, { plugins = [] }: Compute): Wrong | undefined {
  if (!serverView) return undefined
  const { fields = {}, values } = serverView
  if (typeof values !== 'function')
    return { why: 'its serverView has no values', mend: 'Give its serverView a function values.' }
  const unfit = Object.keys(fields).find((field) => !VENDOR_FIELD.test(field))
  if (unfit !== undefined) {
    return {
      why: `the field ${unfit} of shown servers could become OpenStack's own`,
      mend: 'Name it vendor:name.',
    }
  }
  const twice = Object.keys(fields).find((field) =>
    plugins.some((plugin) => Object.hasOwn(plugin.serverView?.fields ?? {}, field)),
  )
  return twice === undefined ? known(fields) : taken(`the field ${twice} of shown servers`)
}

function rules({ policy = {} }: ActivePlugin, compute: Compute): Wrong | undefined {
  const there = computeService(compute).policy
  const twice = Object.keys(policy).find((rule) => Object.hasOwn(there, rule))
  return twice === undefined ? undefined : taken(`the rule ${twice}`)
}

function routes({ policy = {}, routes: added = [] }: ActivePlugin, compute: Compute): Wrong | undefined {
  const service = computeService(compute)
  return first(added, (route) => {
    const before = added.slice(0, added.indexOf(route))
    if (route.policy !== 'public' && !Object.hasOwn({ ...service.policy, ...policy }, route.policy))
      return {
        why: `${nameOf(route)} names the rule ${route.policy}, which there is none of`,
        mend: 'Add it to policy.',
      }
    return wrongPath(route) ?? clash(route, [...service.routes, ...before])
  })
}

const nameOf = ({ method, path, action }: Route<Compute>): string => [method, path, action].filter(Boolean).join(' ')

function wrongPath(route: Route<Compute>): Wrong | undefined {
  if (route.path.startsWith('/v2.1/')) return undefined
  return { why: `${nameOf(route)} lies outside the API`, mend: 'Let its path begin with /v2.1/.' }
}

const shapeOf = (path: string): string => path.replaceAll(/:\w+/g, ':')

/** Routes that only differ in what their parameters are called are one to the router. */
function clash(route: Route<Compute>, others: readonly Route<Compute>[]): Wrong | undefined {
  const same = others.filter((one) => shapeOf(one.path) === shapeOf(route.path))
  const spelled = same.find(({ path }) => path !== route.path)
  if (spelled) return { why: `${nameOf(route)} is ${spelled.path} elsewhere`, mend: 'Name its parameters likewise.' }
  const twice = same.some(({ method, action }) => method === route.method && action === route.action)
  return twice ? taken(nameOf(route)) : undefined
}

function filters({ filters: added = [] }: ActivePlugin, { options, plugins = [] }: Compute): Wrong | undefined {
  const there = [...allFilters(options), ...plugins.flatMap((plugin) => plugin.filters ?? [])].map(({ name }) => name)
  return named('the filter', added, there, 'judge')
}

function weighers({ weighers: added = [] }: ActivePlugin, { options, plugins = [] }: Compute): Wrong | undefined {
  const there = [...allWeighers(options), ...plugins.flatMap((plugin) => plugin.weighers ?? [])]
  const wrong = added.find(({ multiplier }) => !Number.isFinite(multiplier))
  if (wrong)
    return {
      why: `the weigher ${wrong.weigher.name} has no multiplier`,
      mend: 'Take it from an option of the plug-in.',
    }
  return named(
    'the weigher',
    added.map(({ weigher }) => weigher),
    there.map(({ weigher }) => weigher.name),
    'weigh',
  )
}

/** Each has a name that none before it has, and the function that makes it one. */
function named(
  what: string,
  added: readonly { name: string }[],
  there: readonly string[],
  needs: string,
): Wrong | undefined {
  return first(added, (one) => {
    const earlier = [...there, ...added.slice(0, added.indexOf(one)).map(({ name }) => name)]
    if (earlier.includes(one.name)) return taken(`${what} ${one.name}`)
    if (typeof (one as Record<string, unknown>)[needs] === 'function') return undefined
    return { why: `${what} ${one.name} has no ${needs}`, mend: `Give it a function ${needs}.` }
  })
}

function tasks({ tasks: added = [] }: ActivePlugin, { plugins = [] }: Compute): Wrong | undefined {
  const there = sagasWith(plugins).map(({ name }) => name)
  const twice = added.find(({ name }) => there.includes(name))
  return twice && taken(`the task ${twice.name}`)
}

function hooks({ hooks: added = [], ...plugin }: ActivePlugin, { plugins = [] }: Compute): Wrong | undefined {
  const sagas = sagasWith([...plugins, plugin])
  return first(added, (hook: TaskHook) => {
    const saga = sagas.find(({ name }) => name === hook.task)
    if (!saga) return none('task', hook.task, sagas)
    if (!saga.steps.some(({ name }) => name === hook.step)) return none(`step of ${hook.task}`, hook.step, saga.steps)
    if (hook.before || hook.after) return undefined
    return { why: `its hook of ${hook.task}.${hook.step} does nothing`, mend: 'Give it a function before or after.' }
  })
}

function none(what: string, name: string, there: readonly { name: string }[]): Wrong {
  const close = nearest(
    name,
    there.map((one) => one.name),
  )
  return {
    why: `a hook names the ${what} ${name}, which there is none of`,
    mend: `The nearest one is ${close}; ./kilonova tasks --steps names all.`,
  }
}
