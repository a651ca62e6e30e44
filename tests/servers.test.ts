// Servers in a whole cloud on fake hosts: from POST to gone.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const status = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

describe('a server', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ hosts: 2 })
  })
  after(() => fake?.stop())

  const act = (id: string, body: unknown) =>
    fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })
  const ports = async (): Promise<unknown[]> =>
    (await fake.demo.ask<{ ports: unknown[] }>({ path: '/network/v2.0/ports?device_owner=compute:nova' })).ports

  it('becomes active with an address, and leaves nothing when deleted', async () => {
    const id = await createServer(fake)
    const server = await settledServer(fake, id)
    assert.deepEqual(pick(server), ['ACTIVE', 'active', null, 1])
    const [port] = (await ports()) as { device_id: string; status: string; fixed_ips: { ip_address: string }[] }[]
    assert.equal(port!.device_id, id)
    assert.equal(port!.status, 'ACTIVE')
    assert.equal(server.addresses['private']![0]!.addr, port!.fixed_ips[0]!.ip_address)
    assert.notDeepEqual(await fake.cloud.parts.placement.client.allocationsOf(id), {})
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.deepEqual(await ports(), [])
    assert.deepEqual(await fake.cloud.parts.placement.client.allocationsOf(id), {})
  })

  it('stops, starts and reboots, each shown as an action', async () => {
    const id = await createServer(fake)
    await settledServer(fake, id)
    await act(id, { 'os-stop': null })
    assert.deepEqual(pick(await settledServer(fake, id)), ['SHUTOFF', 'stopped', null, 4])
    await assert.rejects(
      act(id, { 'os-stop': null }),
      status(409, /Cannot 'stop' instance .* while it is in vm_state stopped/),
    )
    await act(id, { 'os-start': null })
    assert.deepEqual(pick(await settledServer(fake, id)), ['ACTIVE', 'active', null, 1])
    await act(id, { reboot: { type: 'SOFT' } })
    await settledServer(fake, id)
    await act(id, { reboot: { type: 'HARD' } })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.demo.ask<{ instanceActions: { action: string; request_id: string }[] }>({
      path,
    })
    assert.deepEqual(
      instanceActions.map(({ action }) => action),
      ['reboot', 'reboot', 'start', 'stop', 'create'],
    )
    const created = instanceActions.at(-1)!
    const { instanceAction } = await fake.demo.ask<{ instanceAction: { events: { event: string; result: string }[] } }>(
      { path: `${path}/${created.request_id}` },
    )
    assert.deepEqual(
      instanceAction.events.map(({ event, result }) => [event, result]),
      [['compute__do_build_and_run_instance', 'Success']],
    )
  })

  it('says why no host was found', async () => {
    const flavor = { name: 'huge', vcpus: 1, ram: 1_000_000_000, disk: 1 }
    const made = await fake.admin.ask<{ flavor: { id: string } }>({
      method: 'POST',
      path: '/compute/v2.1/flavors',
      body: { flavor },
    })
    await fake.admin.ask({
      method: 'PUT',
      path: `/compute/v2.1/os-quota-sets/${fake.demo.projectId}`,
      body: { quota_set: { ram: -1 } },
    })
    const id = await createServer(fake, { flavorRef: made.flavor.id })
    const server = await settledServer(fake, id)
    assert.equal(server.status, 'ERROR')
    assert.equal(server.fault?.code, 500)
    assert.match(
      server.fault!.message,
      /^No valid host was found\. No host that suits it has room: of 2, resources removed 2 \(fake-\d: \d+ MB of RAM short \(asks for 1000000000 MEMORY_MB, a host has \d+\)\)/,
    )
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  })

  it('refuses what cannot be made, and makes nothing', async () => {
    const before = (await ports()).length
    const refused: [object, number, RegExp][] = [
      [{ imageRef: '70a599e0-31e7-49b7-b260-868f441e862b' }, 400, /image 70a599e0/],
      [{ flavorRef: '4711' }, 400, /Flavor 4711 could not be found/],
      [{ networks: [{ uuid: '70a599e0-31e7-49b7-b260-868f441e862b' }] }, 400, /70a599e0/],
      [{ networks: 'sometimes' }, 400, /networks/],
      [{ name: 'x'.repeat(256) }, 400, /too long/],
      [{ name: 17 }, 400, /17 is not of type 'string'/],
      [{ colour: 'red' }, 400, /'colour' was unexpected/],
      [{ key_name: 'nobody' }, 400, /key/i],
      [{ min_count: 2, max_count: 1 }, 400, /min_count/],
      [{ availability_zone: 'mars' }, 400, /availability zone is not available/],
      [{ availability_zone: 'nova:fake-1' }, 403, /Policy doesn't allow/],
      [{ user_data: '???' }, 400, /user_data/],
      [{ security_groups: [{ name: 'nobody' }] }, 400, /nobody/],
      [{ min_count: 20 }, 403, /Quota exceeded for instances/],
    ]
    for (const [parts, code, sentence] of refused)
      await assert.rejects(createServer(fake, parts), status(code, sentence), JSON.stringify(parts))
    assert.equal((await ports()).length, before)
  })

  it('is another project’s to nobody', async () => {
    const id = await createServer(fake)
    await settledServer(fake, id)
    const foreign = await fake.admin.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })
    assert.deepEqual(foreign.servers, [])
    const everywhere = await fake.admin.ask<{ servers: { id: string }[] }>({
      path: '/compute/v2.1/servers?all_tenants=1',
    })
    assert.ok(everywhere.servers.some((server) => server.id === id))
    await assert.rejects(fake.demo.ask({ path: '/compute/v2.1/servers?all_tenants=1' }), status(403, /Policy/))
  })
})

function pick(server: ShownServer): unknown[] {
  return [
    server.status,
    server['OS-EXT-STS:vm_state'],
    server['OS-EXT-STS:task_state'],
    server['OS-EXT-STS:power_state'],
  ]
}
