// For tests of refused requests: a cloud with one of everything, and what is asked of it in vain.
import assert from 'node:assert/strict'
import type { Body, Caller, TestCloud } from './testing.ts'
import { ADMIN, MEMBER, makeNetwork, makeRouter, OTHER, testCloud } from './testing.ts'

/** No thing has this id. */
export const NOBODY = '11111111-1111-4111-8111-111111111111'
/** The port's. */
export const MAC = 'fa:16:3e:00:00:01'
const COLLECTIONS = [
  'networks',
  'subnets',
  'ports',
  'routers',
  'floatingips',
  'security-groups',
  'security-group-rules',
]

/** What the caller MEMBER has; `foreign` things are another project's. */
export interface Ids {
  net: string
  sub: string
  otherNet: string
  otherSub: string
  foreignNet: string
  foreignSub: string
  external: string
  router: string
  bareRouter: string
  port: string
  otherPort: string
  foreignPort: string
  address: string
  floating: string
  group: string
  leg: string
}

/** `expected`: the status, the type and the whole sentence. */
export type Case = [method: string, path: string, body: object | undefined, expected: string, by?: Caller | undefined]

export const invalid = (message: string): string => `400 InvalidInput: Invalid input for operation: ${message}.`
export const impossible = (name: string, reason: string): string =>
  `400 HTTPBadRequest: Invalid input for ${name}. Reason: ${reason}.`

export interface Refusals {
  cloud: TestCloud
  ids: Ids
  /** Asks for all of it: each is refused as expected, and nothing is changed. */
  refuses(cases: (ids: Ids) => Case[]): Promise<void>
}

export async function makeRefusals(): Promise<Refusals> {
  const cloud = await testCloud()
  const ids = await makeThings(cloud)
  return { cloud, ids, refuses: (cases) => refuses(cloud, cases(ids)) }
}

async function makeThings(cloud: TestCloud): Promise<Ids> {
  const post = async (collection: string, kind: string, body: object, by: Caller = MEMBER): Promise<Body> =>
    (await cloud.must('POST', `/v2.0/${collection}`, by, { [kind]: body }))[kind]
  const one = await makeNetwork(cloud, MEMBER)
  const other = await makeNetwork(cloud, MEMBER, { cidr: '10.1.0.0/24' })
  const foreign = await makeNetwork(cloud, OTHER, { cidr: '10.7.0.0/24' })
  const { externalId, routerId } = await makeRouter(cloud, MEMBER, one.subnetId)
  const port = await post('ports', 'port', { network_id: one.networkId, mac_address: MAC })
  const otherPort = await post('ports', 'port', { network_id: other.networkId })
  const foreignPort = await post('ports', 'port', { network_id: foreign.networkId }, OTHER)
  const led = { floating_network_id: externalId, port_id: port.id }
  const floating = await post('floatingips', 'floatingip', led)
  const bare = await post('routers', 'router', {})
  const groups = await cloud.must('GET', '/v2.0/security-groups', MEMBER)
  const legs = await cloud.must('GET', '/v2.0/ports?device_owner=network:router_interface', MEMBER)
  return {
    net: one.networkId,
    sub: one.subnetId,
    otherNet: other.networkId,
    otherSub: other.subnetId,
    foreignNet: foreign.networkId,
    foreignSub: foreign.subnetId,
    external: externalId,
    router: routerId,
    bareRouter: bare.id,
    port: port.id,
    otherPort: otherPort.id,
    foreignPort: foreignPort.id,
    address: port.fixed_ips[0].ip_address,
    floating: floating.id,
    group: groups.security_groups[0].id,
    leg: legs.ports[0].id,
  }
}

async function everything(cloud: TestCloud): Promise<Body[]> {
  const found: Body[] = []
  for (const collection of COLLECTIONS) found.push(await cloud.must('GET', `/v2.0/${collection}`, ADMIN))
  return found
}

async function refuses(cloud: TestCloud, cases: readonly Case[]): Promise<void> {
  const before = await everything(cloud)
  for (const [method, path, body, expected, by = MEMBER] of cases) {
    const reply = await cloud.ask(method, `/v2.0/${path}`, by, body)
    const { type, message } = reply.body?.NeutronError ?? {}
    assert.equal(`${reply.status} ${type}: ${message}`, expected, `${method} ${path} ${JSON.stringify(body)}`)
  }
  assert.deepEqual(await everything(cloud), before)
}
