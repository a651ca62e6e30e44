// What users do to servers, each step with what the model says will come of it.
import assert from 'node:assert/strict'
import { Failpoints } from '@kilonova/tasks/failpoints'
import { sagas } from '../server-world.ts'
import type { FlavorName, Model, NetworkName, Port, Server, Verb } from './model.ts'
import {
  byAdmin,
  exceedsQuota,
  FLAVORS,
  forget,
  HOSTS,
  isExhausted,
  letsInterfacesChange,
  otherFlavor,
  outcome,
  placed,
  portsOf,
  release,
} from './model.ts'
import type { ModelCloud, Reply } from './model-cloud.ts'

const SERVERS = '/compute/v2.1/servers'

/** Trouble beside a step: its process dies at a place of its task, or a call to hosts fails. */
export type Trouble =
  | { kind: 'none' }
  | { kind: 'death'; step: number; place: 'before' | 'effect' | 'after' }
  | { kind: 'failure'; call: string; place: 'before' | 'after'; times: number }

const NONE: Trouble = { kind: 'none' }

/** The action's body. */
const BODIES: Record<Verb, (server: Server, cloud: ModelCloud) => object> = {
  start: () => ({ 'os-start': null }),
  stop: () => ({ 'os-stop': null }),
  softReboot: () => ({ reboot: { type: 'SOFT' } }),
  hardReboot: () => ({ reboot: { type: 'HARD' } }),
  pause: () => ({ pause: null }),
  unpause: () => ({ unpause: null }),
  suspend: () => ({ suspend: null }),
  resume: () => ({ resume: null }),
  rescue: (_, { otherImage }) => ({ rescue: { rescue_image_ref: otherImage } }),
  unrescue: () => ({ unrescue: null }),
  rebuild: (_, { otherImage }) => ({ rebuild: { imageRef: otherImage } }),
  resize: ({ flavor }) => ({ resize: { flavorRef: otherFlavor(flavor) } }),
  migrate: () => ({ migrate: null }),
  confirm: () => ({ confirmResize: null }),
  revert: () => ({ revertResize: null }),
  shelve: () => ({ shelve: null }),
  offload: () => ({ shelveOffload: null }),
  unshelve: () => ({ unshelve: null }),
  createImage: () => ({ createImage: { name: 'kept' } }),
  crashDump: () => ({ trigger_crash_dump: null }),
  changePassword: () => ({ changePassword: { adminPass: 'secret' } }),
}

const TASKS: Partial<Record<Verb, string>> = {
  ...{ softReboot: 'reboot', hardReboot: 'hard-reboot', confirm: 'confirm-resize', revert: 'revert-resize' },
  ...{ offload: 'shelve-offload', createImage: 'snapshot', crashDump: 'trigger-crash-dump' },
  changePassword: 'change-password',
}

function taskOf(verb: Verb, { state }: Server): string {
  if (verb === 'unshelve' && state === 'shelved') return 'server.unshelve-in-place'
  return `server.${TASKS[verb] ?? verb}`
}

export function describeTrouble(trouble: Trouble): string {
  if (trouble.kind === 'none') return ''
  if (trouble.kind === 'death') return `, dies ${trouble.place} step ${trouble.step}`
  return `, ${trouble.call} fails ${trouble.times} times ${trouble.place} its effect`
}

function assertStatus(what: string, { status, body }: Reply, wanted: readonly number[] | 'accepted'): void {
  const right = wanted === 'accepted' ? status < 300 : wanted.includes(status)
  assert.ok(right, `${what} was answered ${status} ${JSON.stringify(body)}, not ${wanted}`)
}

const postAction = (cloud: ModelCloud, { id }: Server, verb: Verb, body: object): Promise<Reply> =>
  cloud.ask(`POST ${SERVERS}/${id}/action`, { as: byAdmin(verb) ? 'admin' : 'demo', body })

export async function actOn(
  model: Model,
  cloud: ModelCloud,
  { server, verb, trouble = NONE }: { server: Server; verb: Verb; trouble?: Trouble },
): Promise<void> {
  const expected = outcome(model, server, verb)
  const ask = () => postAction(cloud, server, verb, BODIES[verb](server, cloud))
  const reply = await amid(cloud, trouble, { task: taskOf(verb, server), ask, idOf: () => server.id })
  assertStatus(`${verb} of ${server.state}`, reply, 'refused' in expected ? expected.refused : 'accepted')
  if ('refused' in expected) return
  const failed = trouble.kind === 'failure' ? failures(server, verb) : []
  await learnState(cloud, server, [...expected.accepted, ...failed])
}

/** What a server may be after something of its host has failed; a guest that cannot be started again is left off. */
function failures(server: Server, verb: Verb): Server[] {
  const { state, before, flavor } = server
  const over = { ...server, state: 'error' as const, before: undefined }
  const same = verb === 'confirm' ? { ...server, before: { ...before!, confirmed: true } } : server
  const off = state === 'active' ? [{ ...server, state: 'stopped' as const }] : []
  const { vcpus } = FLAVORS[flavor]
  const anywhere = HOSTS.map((host) => ({ ...over, place: { host, vcpus } }))
  return [same, ...off, over, { ...over, place: undefined }, ...anywhere]
}

/** Asks, and waits until all that was asked has ended, whatever else happens meanwhile. */
async function amid(
  cloud: ModelCloud,
  trouble: Trouble,
  { task, ask, idOf }: { task: string; ask: () => Promise<Reply>; idOf: (reply: Reply) => string },
): Promise<Reply> {
  const failpoints = trouble.kind === 'death' ? new Failpoints(deathIn(task, trouble), 'throw-away') : undefined
  if (failpoints) await cloud.world.startTasks(failpoints)
  if (trouble.kind === 'failure') cloud.breakNext(trouble)
  const reply = await ask()
  if (reply.status < 300 && failpoints) await cloud.endOrDeath(idOf(reply), failpoints)
  if (failpoints) await cloud.world.startTasks()
  if (reply.status < 300) await cloud.settled(idOf(reply))
  if (trouble.kind === 'failure') cloud.breakNext({ ...trouble, times: 0 })
  return reply
}

function deathIn(task: string, { step, place }: Extract<Trouble, { kind: 'death' }>): string {
  const { steps } = sagas.find(({ name }) => name === task)!
  return `${task}.${steps[step % steps.length]!.name}:${place}:crash`
}

const WORDS: Record<string, Server['state']> = {
  ...{ ACTIVE: 'active', SHUTOFF: 'stopped', PAUSED: 'paused', SUSPENDED: 'suspended', RESCUE: 'rescued' },
  ...{ VERIFY_RESIZE: 'resized', SHELVED: 'shelved', SHELVED_OFFLOADED: 'shelved_offloaded', ERROR: 'error' },
}

/** Of what the server may be now, what it is. */
async function learnState(cloud: ModelCloud, server: Server, candidates: readonly Server[]): Promise<void> {
  const { server: shown } = await cloud.must(`GET ${SERVERS}/${server.id}`, { as: 'admin' })
  const [state, host] = [WORDS[shown.status] ?? shown.status, shown['OS-EXT-SRV-ATTR:host']]
  const { original_name: flavor } = shown.flavor
  const found = candidates.find(
    (one) => one.state === state && (one.place?.host ?? null) === host && one.flavor === flavor,
  )
  const may = [...new Set(candidates.map((one) => `${one.state} ${one.flavor} on ${one.place?.host}`))]
  const why = JSON.stringify(shown.fault?.message ?? null)
  assert.ok(found, `the server is ${state} ${flavor} on ${host} (fault: ${why}), not ${may.join(', or ')}`)
  Object.assign(server, found)
}

/** What a new server or interface is on: a network, a port that is there, or nothing. */
export type Wish = { on: NetworkName } | { port: Port } | 'none'

function refusesWish(wish: Wish): boolean {
  return typeof wish === 'object' && 'port' in wish && wish.port.server !== null
}

const lacksAddress = (model: Model, wish: Wish): boolean =>
  typeof wish === 'object' && 'on' in wish && isExhausted(model, wish.on)

export interface Create {
  flavor: FlavorName
  wish: Wish
  group: string | undefined
  trouble: Trouble
}

export async function create(model: Model, cloud: ModelCloud, { flavor, wish, group, trouble }: Create): Promise<void> {
  const networks = wish === 'none' ? 'none' : [nicOf(cloud, wish)]
  const groups = group === undefined ? {} : { security_groups: [{ name: group }] }
  const body = { server: { name: 'modelled', imageRef: cloud.image, flavorRef: flavor, networks, ...groups } }
  const refused = [
    ...(exceedsQuota(model, { instances: 1, cores: FLAVORS[flavor].vcpus }) ? [403] : []),
    ...(refusesWish(wish) ? [409] : []),
  ]
  const idOf = (reply: Reply): string => reply.body.server.id
  const ask = () => cloud.ask(`POST ${SERVERS}`, { body })
  const reply = await amid(cloud, trouble, { task: 'server.build', ask, idOf })
  assertStatus('create', reply, refused.length > 0 ? refused : 'accepted')
  if (refused.length > 0) return
  const failed: Server = {
    ...{ id: idOf(reply), state: 'error', flavor, place: undefined, locked: false, before: undefined },
  }
  const built = lacksAddress(model, wish) ? [failed] : placed(model, failed, 'active')
  model.servers.push(failed)
  await learnState(cloud, failed, trouble.kind === 'failure' ? [...built, failed] : built)
  if (failed.place) await learnPort(model, cloud, failed, { wish, group })
}

const nicOf = (cloud: ModelCloud, wish: Exclude<Wish, 'none'>): object =>
  'port' in wish ? { port: wish.port.id } : { uuid: cloud.networks[wish.on] }

interface Got {
  wish: Wish
  group: string | undefined
}

/** The port that the server has got. */
async function learnPort(model: Model, cloud: ModelCloud, server: Server, { wish, group }: Got): Promise<void> {
  if (wish === 'none') return
  if ('port' in wish) {
    wish.port.server = server.id
    return
  }
  const { ports } = await cloud.must(`GET /network/v2.0/ports?device_id=${server.id}`)
  const fresh = ports.filter(({ id }: Port) => !model.ports.some((port) => port.id === id))
  assert.equal(fresh.length, 1, `the server has got ${fresh.length} ports`)
  const [{ id, fixed_ips: ips, network_id: network }] = fresh
  assert.equal(network, cloud.networks[wish.on])
  const groups = model.groups.filter(({ name }) => name === group).map((one) => one.id)
  const address = ips.map((ip: { ip_address: string }) => ip.ip_address).join()
  model.ports.push({ id, network: wish.on, address, server: server.id, own: true, groups })
}

export async function deleteServer(model: Model, cloud: ModelCloud, server: Server, trouble: Trouble): Promise<void> {
  const ask = () => cloud.ask(`DELETE ${SERVERS}/${server.id}`)
  const reply = await amid(cloud, trouble, { task: 'server.delete', ask, idOf: () => server.id })
  assertStatus('delete', reply, server.locked ? [409] : 'accepted')
  if (server.locked) return
  assertStatus('show', await cloud.ask(`GET ${SERVERS}/${server.id}`), [404])
  forget(model, server)
}

export async function lock(cloud: ModelCloud, server: Server, locked: boolean): Promise<void> {
  await cloud.must(`POST ${SERVERS}/${server.id}/action`, { body: locked ? { lock: null } : { unlock: null } })
  server.locked = locked
}

export async function attach(
  model: Model,
  cloud: ModelCloud,
  { server, wish }: { server: Server; wish: Exclude<Wish, 'none'> },
): Promise<void> {
  const asked = 'port' in wish ? { port_id: wish.port.id } : { net_id: cloud.networks[wish.on] }
  const request = cloud.ask(`POST ${SERVERS}/${server.id}/os-interface`, { body: { interfaceAttachment: asked } })
  const reply = await cloud.world.run(request)
  await cloud.settled(server.id)
  const refused = !letsInterfacesChange(server) || refusesWish(wish) || lacksAddress(model, wish)
  assertStatus(`attach to ${server.state}`, reply, refused ? [400, 409] : 'accepted')
  if (!refused) await learnPort(model, cloud, server, { wish, group: undefined })
}

export async function detach(model: Model, cloud: ModelCloud, server: Server, which: number): Promise<void> {
  const ports = portsOf(model, server)
  const port = ports[which % ports.length]!
  const reply = await cloud.ask(`DELETE ${SERVERS}/${server.id}/os-interface/${port.id}`)
  await cloud.settled(server.id)
  const accepted = letsInterfacesChange(server)
  assertStatus(`detach from ${server.state}`, reply, accepted ? 'accepted' : [409])
  if (accepted) release(model, port)
}

/** Asks for a second thing while the first is under way; hosts take their time, so it is. */
export async function askTwice(
  model: Model,
  cloud: ModelCloud,
  { server, first, second }: { server: Server; first: Verb; second: Verb | 'delete' },
): Promise<void> {
  const expected = outcome(model, server, first)
  assert.ok('accepted' in expected)
  cloud.slow(true)
  assertStatus(first, await postAction(cloud, server, first, BODIES[first](server, cloud)), 'accepted')
  const reply =
    second === 'delete'
      ? await cloud.ask(`DELETE ${SERVERS}/${server.id}`)
      : await postAction(cloud, server, second, BODIES[second](server, cloud))
  const replaces = second === 'hardReboot' && REPLACEABLE.includes(first)
  assertStatus(`${second} during ${first}`, reply, second === 'delete' || replaces ? 'accepted' : [409])
  await cloud.settled(server.id)
  cloud.slow(false)
  if (second === 'delete') return forget(model, server)
  await learnState(cloud, server, replaces ? [{ ...server, state: 'active' }] : expected.accepted)
}

/** What a hard reboot takes the place of: not of its like, which does the same. */
const REPLACEABLE: readonly Verb[] = ['softReboot', 'pause', 'unpause', 'suspend', 'resume']
