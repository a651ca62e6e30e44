// Every route, asked by every role, on its own and on a foreign project's things.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Caller, TestCloud } from './testing.ts'
import { ADMIN, MEMBER, makeNetwork, makeRouter, OTHER, READER, SERVICE, testCloud } from './testing.ts'

/** Readable by everybody who has a token, or without one. */
const OPEN = ['/', '/v2.0', '/v2.0/extensions', '/v2.0/extensions/:alias', '/v2.0/availability_zones']
const ADMIN_ONLY = ['/v2.0/agents', '/v2.0/agents/:id', '/v2.0/quotas']
const NO_ID = '11111111-2222-4333-8444-555555555555'

const BODIES: Record<string, object> = {
  'PUT /v2.0/networks/:id': { network: { name: 'x' } },
  'PUT /v2.0/subnets/:id': { subnet: { name: 'x' } },
  'PUT /v2.0/ports/:id': { port: { name: 'x' } },
  'PUT /v2.0/routers/:id': { router: { name: 'x' } },
  'PUT /v2.0/routers/:id/add_router_interface': { subnet_id: NO_ID },
  'PUT /v2.0/routers/:id/remove_router_interface': { subnet_id: NO_ID },
  'PUT /v2.0/routers/:id/add_extraroutes': { router: { routes: [] } },
  'PUT /v2.0/routers/:id/remove_extraroutes': { router: { routes: [] } },
  'PUT /v2.0/floatingips/:id': { floatingip: { description: 'x' } },
  'PUT /v2.0/security-groups/:id': { security_group: { name: 'x' } },
  'PUT /v2.0/agents/:id': { agent: { description: 'x' } },
  'PUT /v2.0/quotas/:projectId': { quota: { port: 1 } },
  'POST /v2.0/networks': { network: {} },
  'POST /v2.0/subnets': { subnet: { network_id: NO_ID, ip_version: 4, cidr: '10.0.0.0/24' } },
  'POST /v2.0/ports': { port: { network_id: NO_ID } },
  'POST /v2.0/routers': { router: {} },
  'POST /v2.0/floatingips': { floatingip: { floating_network_id: NO_ID } },
  'POST /v2.0/security-groups': { security_group: { name: 'x' } },
  'POST /v2.0/security-group-rules': { security_group_rule: { security_group_id: NO_ID, direction: 'ingress' } },
}

describe('the policy', () => {
  let cloud: TestCloud
  /** The ids of demo's things, by collection. */
  const ids: Record<string, string> = {}

  before(async () => {
    cloud = await testCloud()
    const { networkId, subnetId } = await makeNetwork(cloud, MEMBER)
    const { routerId, externalId } = await makeRouter(cloud, MEMBER, subnetId)
    const { port } = await cloud.must('POST', '/v2.0/ports', MEMBER, { port: { network_id: networkId } })
    const floating = { floating_network_id: externalId, port_id: port.id }
    const { floatingip } = await cloud.must('POST', '/v2.0/floatingips', MEMBER, { floatingip: floating })
    const [group] = (await cloud.must('GET', '/v2.0/security-groups', MEMBER)).security_groups
    Object.assign(ids, {
      networks: networkId,
      subnets: subnetId,
      ports: port.id,
      routers: routerId,
      floatingips: floatingip.id,
      'security-groups': group.id,
      'security-group-rules': group.security_group_rules[0].id,
      agents: NO_ID,
    })
  })
  after(() => cloud.close())

  const routes = () => cloud.service.api.routes
  const pathOf = (path: string): string => {
    const collection = path.split('/')[2] ?? ''
    return path
      .replace(':id', ids[collection] ?? '')
      .replace(':projectId', 'demo')
      .replace(':tag', 'red')
      .replace(':alias', 'router')
  }
  const bodyOf = (method: string, path: string): object | undefined => {
    if (method === 'PUT' && path.endsWith('/tags')) return { tags: ['red'] }
    return BODIES[`${method} ${path}`]
  }
  const ask = async (caller: Caller | '', method: string, path: string): Promise<number> =>
    (await cloud.ask(method, pathOf(path), caller as Caller, bodyOf(method, path))).status

  it('asks everybody for a token but at discovery', async () => {
    for (const { method, path, policy } of routes()) {
      assert.equal((await ask('', method, path)) === 401, policy !== 'public', `${method} ${path}`)
    }
  })

  it('keeps what is for admins from members', async () => {
    for (const { method, path } of routes()) {
      const isAdmins = ADMIN_ONLY.includes(path) || (path.startsWith('/v2.0/quotas/') && method !== 'GET')
      if (isAdmins) assert.equal(await ask(MEMBER, method, path), 403, `${method} ${path}`)
    }
  })

  it('lets readers read and nothing else', async () => {
    for (const { method, path } of routes()) {
      if (OPEN.includes(path) || ADMIN_ONLY.includes(path)) continue
      const status = await ask(READER, method, path)
      if (method !== 'GET') assert.equal(status, 403, `${method} ${path}`)
      else assert.ok(status < 300 || (status === 404 && path.endsWith(':tag')), `${method} ${path}: ${status}`)
    }
  })

  it('shows nobody the things of another project', async () => {
    for (const { method, path } of routes()) {
      if (!path.includes(':id') || path.startsWith('/v2.0/agents')) continue
      assert.equal(await ask(OTHER, method, path), 404, `${method} ${path}`)
    }
    for (const collection of Object.keys(ids)) {
      if (collection === 'agents') continue
      const { body } = await cloud.ask('GET', `/v2.0/${collection}`, OTHER)
      const items = body[collection.replaceAll('-', '_')] as { id: string }[]
      assert.ok(!items.some(({ id }) => id === ids[collection]), collection)
    }
    assert.equal(await ask(OTHER, 'GET', '/v2.0/quotas/:projectId'), 403)
    assert.equal(await ask(OTHER, 'GET', '/v2.0/quotas/:projectId/details'), 403)
  })

  it('refuses to build on the things of another project', async () => {
    const make = async (path: string, body: object): Promise<number> =>
      (await cloud.ask('POST', path, OTHER, body)).status
    const network_id = ids['networks']
    assert.equal(await make('/v2.0/ports', { port: { network_id } }), 404)
    assert.equal(await make('/v2.0/subnets', { subnet: { network_id, ip_version: 4, cidr: '10.5.0.0/24' } }), 404)
    const own = await makeNetwork(cloud, OTHER)
    const security_groups = [ids['security-groups']]
    assert.equal(await make('/v2.0/ports', { port: { network_id: own.networkId, security_groups } }), 404)
    const rule = { direction: 'ingress', security_group_id: ids['security-groups'] }
    assert.equal(await make('/v2.0/security-group-rules', { security_group_rule: rule }), 404)
    const { routers } = { routers: await cloud.must('POST', '/v2.0/routers', OTHER, { router: {} }) }
    const leg = `/v2.0/routers/${routers.router.id}/add_router_interface`
    assert.equal((await cloud.ask('PUT', leg, OTHER, { subnet_id: ids['subnets'] })).status, 404)
    assert.equal((await cloud.ask('PUT', leg, OTHER, { port_id: ids['ports'] })).status, 404)
    const externals = (await cloud.must('GET', '/v2.0/networks?router:external=true', OTHER)).networks
    const floating_network_id = externals[0].id
    assert.equal(await make('/v2.0/ports', { port: { network_id: floating_network_id } }), 403)
    const floatingip = { floating_network_id, port_id: ids['ports'] }
    assert.equal(await make('/v2.0/floatingips', { floatingip }), 404)
    assert.equal(await make('/v2.0/networks', { network: { project_id: 'demo' } }), 400)
  })

  it('keeps privileged attributes from members', async () => {
    const refused: [string, object][] = [
      ['/v2.0/networks', { network: { shared: true } }],
      ['/v2.0/networks', { network: { 'router:external': true } }],
      ['/v2.0/networks', { network: { 'provider:network_type': 'local' } }],
      ['/v2.0/ports', { port: { network_id: ids['networks'], 'binding:host_id': 'h' } }],
      ['/v2.0/ports', { port: { network_id: ids['networks'], 'binding:profile': { a: 1 } } }],
    ]
    for (const [path, body] of refused) {
      assert.equal((await cloud.ask('POST', path, MEMBER, body)).status, 403, JSON.stringify(body))
    }
    const { port } = await cloud.must('GET', `/v2.0/ports/${ids['ports']}`, MEMBER)
    assert.ok(!('binding:host_id' in port))
    const { port: seen } = await cloud.must('GET', `/v2.0/ports/${ids['ports']}`, ADMIN)
    assert.equal(seen['binding:vif_type'], 'unbound')
    const profile = { port: { 'binding:profile': { a: 1 } } }
    assert.equal((await cloud.ask('PUT', `/v2.0/ports/${ids['ports']}`, SERVICE, profile)).status, 404)
  })
})
