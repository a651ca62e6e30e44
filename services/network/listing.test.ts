import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import { networkSchema } from './schema/network-schema.ts'
import type { Body, TestCloud } from './testing.ts'
import { ADMIN, MEMBER, makeNetwork, testCloud } from './testing.ts'

onBothStores('lists', (open) => {
  let shared: Promise<Store> | undefined
  let projects = 0
  const inProject = async (work: (cloud: TestCloud, caller: typeof MEMBER) => Promise<void>) => {
    shared ??= open(networkSchema)
    const cloud = await testCloud({ store: await shared })
    try {
      await work(cloud, `project-${++projects}:member,reader`)
    } finally {
      await cloud.close()
    }
  }

  it('come in pages that miss nothing, forwards and backwards, in any order', () =>
    inProject(async (cloud, caller) => {
      const networks = ['b', 'a', 'c', 'a', 'b', 'd', ''].map((name) => ({ name }))
      await cloud.must('POST', '/v2.0/networks', caller, { networks })
      const whole = (await cloud.must('GET', '/v2.0/networks', caller)).networks as { id: string; name: string }[]
      assert.equal(whole.length, 7)
      for (const order of [
        '',
        '&sort_key=name',
        '&sort_key=name&sort_dir=desc',
        '&sort_key=mtu&sort_key=name&sort_dir=asc&sort_dir=desc',
      ]) {
        const sorted = (await cloud.must('GET', `/v2.0/networks?fields=id${order}`, caller)).networks.map(
          ({ id }: Body) => id,
        )
        const seen: string[] = []
        let url: string | undefined = `/v2.0/networks?limit=3${order}`
        let last = ''
        while (url) {
          const page: Body = await cloud.must('GET', url, caller)
          seen.push(...page.networks.map(({ id }: Body) => id))
          last = url
          const next = page.networks_links?.find(({ rel }: Body) => rel === 'next')
          url = next && new URL(next.href).pathname.replace('/network', '') + new URL(next.href).search
        }
        assert.deepEqual(seen, sorted, order)
        const tail: Body = await cloud.must('GET', last, caller)
        const back = tail.networks_links.find(({ rel }: Body) => rel === 'previous')
        const { pathname, search } = new URL(back.href)
        const before: Body = await cloud.must('GET', pathname.replace('/network', '') + search, caller)
        assert.deepEqual(
          before.networks.map(({ id }: Body) => id),
          sorted.slice(3, 6),
          order,
        )
      }
    }))

  it('are filtered by any attribute: repeated is or, different is and', () =>
    inProject(async (cloud, caller) => {
      const networks = [
        { name: 'a' },
        { name: 'b', mtu: 1400 },
        { name: 'c', mtu: 1400, admin_state_up: false },
        { name: '' },
      ]
      await cloud.must('POST', '/v2.0/networks', caller, { networks })
      const names = async (query: string): Promise<string> => {
        const reply = await cloud.ask('GET', `/v2.0/networks?sort_key=name&${query}`, caller)
        return reply.body.networks?.map(({ name }: Body) => name).join() ?? String(reply.status)
      }
      assert.equal(await names('name=a&name=b'), 'a,b')
      assert.equal(await names('name=b&mtu=1400'), 'b')
      assert.equal(await names('mtu=1400&admin_state_up=False'), 'c')
      assert.equal(await names('name='), '')
      assert.equal(await names('status=ACTIVE&mtu=1400'), 'b,c')
      assert.equal(await names('shared=true'), '')
      assert.equal(await names('shared=false&name=a'), 'a')
      assert.equal(await names('router:external=true'), '')
      assert.equal(await names('changed_since=2199-01-01T00:00:00Z'), '')
      assert.equal(await names('changed_since=1999-01-01T00:00:00Z'), ',a,b,c')
      for (const wrong of [
        'nme=a',
        'mtu=x',
        'admin_state_up=maybe',
        'sort_key=nme',
        'sort_dir=asc&sort_dir=asc',
        'limit=x',
        '__proto__=1',
      ])
        assert.equal(await names(wrong), '400', wrong)
      assert.equal(await names('limit=1&marker=nobody'), '404')
    }))

  it('are filtered by tags', () =>
    inProject(async (cloud, caller) => {
      const made = await cloud.must('POST', '/v2.0/networks', caller, {
        networks: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
      })
      const [a, b] = made.networks as { id: string }[]
      await cloud.must('PUT', `/v2.0/networks/${a!.id}/tags`, caller, { tags: ['red', 'blue'] })
      await cloud.must('PUT', `/v2.0/networks/${b!.id}/tags/red`, caller)
      const names = async (query: string): Promise<string> =>
        (await cloud.must('GET', `/v2.0/networks?sort_key=name&${query}`, caller)).networks
          .map(({ name }: Body) => name)
          .join()
      assert.equal(await names('tags=red'), 'a,b')
      assert.equal(await names('tags=red,blue'), 'a')
      assert.equal(await names('tags-any=blue,green'), 'a')
      assert.equal(await names('not-tags=red,blue'), 'b,c')
      assert.equal(await names('not-tags-any=red,blue'), 'c')
      const tag = `/v2.0/networks/${a!.id}/tags/blue`
      assert.equal((await cloud.ask('GET', tag, caller)).status, 204)
      assert.equal((await cloud.ask('DELETE', tag, caller)).status, 204)
      assert.equal((await cloud.ask('GET', tag, caller)).body.NeutronError.type, 'TagNotFound')
      assert.equal((await cloud.ask('DELETE', tag, caller)).status, 404)
    }))

  it('find ports by address, subnet, part of an address, group and device', () =>
    inProject(async (cloud, caller) => {
      const { networkId, subnetId } = await makeNetwork(cloud, caller, { subnet: { enable_dhcp: false } })
      const other = await makeNetwork(cloud, caller, { cidr: '10.7.0.0/24', subnet: { enable_dhcp: false } })
      const port = (name: string, network_id: string, ip_address: string) => ({
        name,
        network_id,
        device_id: `device-${name}`,
        fixed_ips: [{ ip_address }],
      })
      const ports = [
        port('a', networkId, '10.0.0.10'),
        port('b', networkId, '10.0.0.20'),
        port('c', other.networkId, '10.7.0.10'),
      ]
      await cloud.must('POST', '/v2.0/ports', caller, { ports })
      const names = async (query: string): Promise<string> =>
        (await cloud.must('GET', `/v2.0/ports?sort_key=name&${query}`, caller)).ports
          .map(({ name }: Body) => name)
          .join()
      assert.equal(await names('fixed_ips=ip_address=10.0.0.10'), 'a')
      assert.equal(await names('fixed_ips=ip_address=10.0.0.10&fixed_ips=ip_address=10.0.0.20'), 'a,b')
      assert.equal(await names(`fixed_ips=subnet_id=${subnetId}`), 'a,b')
      assert.equal(await names(`fixed_ips=subnet_id=${subnetId}&fixed_ips=ip_address=10.7.0.10`), '')
      assert.equal(await names('fixed_ips=ip_address_substr=.0.10'), 'a,c')
      assert.equal(await names('device_id=device-b&device_id=device-c'), 'b,c')
      const [group] = (await cloud.must('GET', '/v2.0/security-groups?name=default', caller)).security_groups
      assert.equal(await names(`security_groups=${group.id}`), 'a,b,c')
    }))
})

async function inCloud(work: (cloud: TestCloud) => Promise<void>): Promise<void> {
  const cloud = await testCloud()
  try {
    await work(cloud)
  } finally {
    await cloud.close()
  }
}

it('several are made together or not at all', () =>
  inCloud(async (cloud) => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const good = { network_id: networkId, name: 'good' }
    const bad = { network_id: networkId, fixed_ips: [{ ip_address: '192.168.0.1' }] }
    assert.equal((await cloud.ask('POST', '/v2.0/ports', MEMBER, { ports: [good, bad] })).status, 400)
    assert.deepEqual((await cloud.must('GET', '/v2.0/ports?name=good', MEMBER)).ports, [])
    const made = await cloud.ask('POST', '/v2.0/ports', MEMBER, { ports: [good, good] })
    assert.equal(made.status, 201)
    assert.equal(made.body.ports.length, 2)
  }))

it('a change can be bound to a revision', () =>
  inCloud(async (cloud) => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const path = `/v2.0/networks/${networkId}`
    const { network } = await cloud.must('GET', path, MEMBER)
    const put = (revision: number) =>
      cloud.ask('PUT', path, MEMBER, { network: { name: 'new' } }, { 'if-match': `revision_number=${revision}` })
    const refused = await put(network.revision_number + 5)
    assert.equal(`${refused.status} ${refused.body.NeutronError.type}`, '412 RevisionNumberConstraintFailed')
    const done = await put(network.revision_number)
    assert.equal(done.body.network.revision_number, network.revision_number + 1)
    assert.equal((await put(network.revision_number)).status, 412)
  }))

it('wrong bodies are told what is wrong with them', () =>
  inCloud(async (cloud) => {
    const { networkId } = await makeNetwork(cloud, MEMBER)
    const said = async (path: string, body: unknown): Promise<string> => {
      const reply = await cloud.ask('POST', path, MEMBER, body)
      return `${reply.status} ${reply.body.NeutronError.type} ${reply.body.NeutronError.message}`
    }
    assert.match(
      await said('/v2.0/networks', { network: { naem: 'x' } }),
      /^400 HTTPBadRequest Unrecognized attribute\(s\) 'naem'$/,
    )
    assert.match(await said('/v2.0/ports', { port: { name: 'x' } }), /Required attribute 'network_id' not specified/)
    assert.match(
      await said('/v2.0/networks', { network: { name: 5 } }),
      /Invalid input for name\. Reason: 5 is not of type 'string'/,
    )
    assert.match(
      await said('/v2.0/networks', { network: { admin_state_up: 'down' } }),
      /Invalid input for admin_state_up\. Reason: 'down' cannot be converted to boolean/,
    )
    assert.match(await said('/v2.0/networks', {}), /^400 HTTPBadRequest Resource body required/)
    assert.match(await said('/v2.0/networks', '[]'), /^400/)
    assert.match(await said('/v2.0/networks', '{"network": '), /^400/)
    assert.match(await said('/v2.0/networks', { network: { mtu: 9000 } }), /^400 InvalidInput .*maximum is 1500/)
    assert.match(await said('/v2.0/networks', { network: { name: 'x'.repeat(256) } }), /^400/)
    const pairs = { network_id: networkId, allowed_address_pairs: [{ ip_address: 'x' }] }
    assert.match(await said('/v2.0/ports', { port: pairs }), /^400 HTTPBadRequest .*'x' is not a valid IP address/)
    const option = { opt_name: 'a', opt_value: 'b\ndhcp-script=/bin/sh' }
    assert.match(await said('/v2.0/ports', { port: { network_id: networkId, extra_dhcp_opts: [option] } }), /^400/)
    const owner = { network_id: networkId, device_owner: 'network:router_interface' }
    assert.match(await said('/v2.0/ports', { port: owner }), /^400 InvalidInput .*reserved/)
    assert.match(
      await said('/v2.0/ports', { port: { network_id: networkId, mac_address: '01:00:00:00:00:01' } }),
      /^400/,
    )
  }))

it('numbers and truths may come as text, as the openstack client sends them', () =>
  inCloud(async (cloud) => {
    const asked = { mtu: '1400', admin_state_up: 'False', shared: 0 }
    const { network } = await cloud.must('POST', '/v2.0/networks', MEMBER, { network: asked })
    assert.deepEqual([network.mtu, network.admin_state_up, network.shared], [1400, false, false])
    const { quota } = await cloud.must('PUT', '/v2.0/quotas/demo', ADMIN, { quota: { port: '7', subnet: '-1' } })
    assert.deepEqual([quota.port, quota.subnet], [7, -1])
    for (const [mtu, why] of [
      ['many', "'many' is not an integer"],
      ['-1', "'-1' is less than the minimum of 0"],
      [1.5, '1.5 is not an integer'],
      [null, 'None is not an integer'],
    ]) {
      const { status, body } = await cloud.ask('POST', '/v2.0/networks', MEMBER, { network: { mtu } })
      assert.equal(status, 400)
      assert.match(body.NeutronError.message, new RegExp(`Invalid input for mtu. Reason: ${why}`))
    }
  }))

it('extensions are shown only where they work', () =>
  inCloud(async (cloud) => {
    const { extensions } = await cloud.must('GET', '/v2.0/extensions', MEMBER)
    assert.ok(extensions.some(({ alias }: Body) => alias === 'router'))
    assert.equal((await cloud.ask('GET', '/v2.0/extensions/router', MEMBER)).body.extension.alias, 'router')
    assert.equal((await cloud.ask('GET', '/v2.0/extensions/qos', MEMBER)).status, 404)
    assert.equal((await cloud.ask('GET', '/v2.0/trunks', MEMBER)).status, 404)
  }))

it('quotas are shown, changed by admins, and set back', () =>
  inCloud(async (cloud) => {
    const { quota } = await cloud.must('GET', '/v2.0/quotas/demo', MEMBER)
    assert.equal(quota.port, 500)
    const put = await cloud.must('PUT', '/v2.0/quotas/demo', ADMIN, { quota: { network: 1, port: -1 } })
    assert.equal(put.quota.network, 1)
    await makeNetwork(cloud, MEMBER)
    const over = await cloud.ask('POST', '/v2.0/networks', MEMBER, { network: {} })
    assert.equal(over.body.NeutronError.message, "Quota exceeded for resources: ['network'].")
    const { quota: details } = await cloud.must('GET', '/v2.0/quotas/demo/details.json', MEMBER)
    assert.deepEqual(details.network, { limit: 1, used: 1, reserved: 0 })
    assert.equal((await cloud.must('GET', '/v2.0/quotas/demo/default', MEMBER)).quota.network, 100)
    assert.equal((await cloud.must('GET', '/v2.0/quotas', ADMIN)).quotas[0].project_id, 'demo')
    assert.equal((await cloud.ask('DELETE', '/v2.0/quotas/demo', ADMIN)).status, 204)
    assert.equal((await cloud.must('GET', '/v2.0/quotas/demo', MEMBER)).quota.network, 100)
    assert.equal((await cloud.ask('PUT', '/v2.0/quotas/demo', ADMIN, { quota: { nets: 1 } })).status, 400)
  }))
