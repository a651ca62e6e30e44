// What other services tell of servers, in a whole cloud on fake hosts: each event has its own answer.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'

const NONE = '00000000-0000-4000-8000-000000000000'
const LIMIT_SECONDS = 60

interface Told {
  name: string
  server_uuid: string
  tag?: string
  status?: string
  code?: number
}

describe('external events of servers', () => {
  let fake: FakeCloud
  let id: string
  let homeless: string
  before(async () => {
    fake = await startFakeCloud({ config: '[compute]\nheal_instance_info_cache_interval = -1\n' })
    id = await createServer(fake)
    const flavor = { name: 'huge', vcpus: 1, ram: 1_000_000_000, disk: 1 }
    const asked = { method: 'POST', path: '/compute/v2.1/flavors', body: { flavor } } as const
    const huge = (await fake.admin.ask<{ flavor: { id: string } }>(asked)).flavor.id
    const quota_set = { ram: -1 }
    const path = `/compute/v2.1/os-quota-sets/${fake.demo.projectId}`
    await fake.admin.ask({ method: 'PUT', path, body: { quota_set } })
    homeless = await createServer(fake, { flavorRef: huge })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    assert.equal((await settledServer(fake, homeless)).status, 'ERROR')
  })
  after(() => fake?.stop())

  const send = (body: unknown, version = '2.96', as: ApiClient = fake.admin) =>
    as.send({
      ...{ method: 'POST', path: '/compute/v2.1/os-server-external-events', body },
      headers: { 'openstack-api-version': `compute ${version}` },
    })
  const tell = async (...events: Told[]): Promise<[number, Told[]]> => {
    const reply = await send({ events })
    return [reply.status, ((await reply.json()) as { events: Told[] }).events]
  }
  const actions = async (): Promise<string[]> => {
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const listed = (await fake.demo.ask<{ instanceActions: { action: string }[] }>({ path })).instanceActions
    return listed.map(({ action }) => action)
  }

  it('are answered one by one: 200 when all are taken, else 207', async () => {
    const changed = { name: 'network-changed', server_uuid: id }
    const taken = { status: 'completed', code: 200 }
    assert.deepEqual(await tell(changed), [200, [{ ...changed, ...taken }]])
    const unplugged = { name: 'network-vif-unplugged', server_uuid: id, tag: NONE, status: 'failed' }
    const plugged = { name: 'network-vif-plugged', server_uuid: id, tag: NONE, status: 'in-progress' }
    assert.deepEqual(await tell(unplugged, plugged), [
      200,
      [
        { ...unplugged, ...taken },
        { ...plugged, ...taken },
      ],
    ])
    const unknown = { name: 'network-changed', server_uuid: NONE }
    const untagged = { name: 'volume-extended', server_uuid: id }
    const onNoHost = { name: 'network-changed', server_uuid: homeless }
    const failed = (code: number) => ({ status: 'failed', code })
    assert.deepEqual(await tell(unknown, changed, untagged, onNoHost), [
      207,
      [
        { ...unknown, ...failed(404) },
        { ...changed, ...taken },
        { ...untagged, ...failed(400) },
        { ...onNoHost, ...failed(422) },
      ],
    ])
    assert.deepEqual(await tell(unknown), [207, [{ ...unknown, ...failed(404) }]])
    for (const name of ['power-update', 'accelerator-request-bound'])
      assert.equal((await tell({ name, server_uuid: id }))[1][0]!.code, 400, name)
    for (const name of ['volume-extended', 'accelerator-request-bound', 'volume-reimaged'])
      assert.equal((await tell({ name, server_uuid: id, tag: NONE }))[0], 200, name)
  })

  it('know their names by version', async () => {
    const versions = {
      'volume-extended': 51,
      'power-update': 76,
      'accelerator-request-bound': 82,
      'volume-reimaged': 93,
    }
    const event = (name: string) => ({ events: [{ name, server_uuid: id, tag: 'x' }] })
    for (const [name, minor] of Object.entries(versions)) {
      assert.equal((await send(event(name), `2.${minor - 1}`)).status, 400, name)
      assert.equal((await send(event(name), `2.${minor}`)).status, 200, name)
    }
    const before = await actions()
    const wrong = [
      { events: [] },
      { events: [{ name: 'network-changed' }] },
      { events: [{ name: 'network-changed', server_uuid: 'x' }] },
      { events: [{ name: 'network-changed', server_uuid: id, status: 'done' }] },
      { events: [{ name: 'power-update', server_uuid: id, tag: 'POWER_OFF', colour: 1 }] },
      {
        events: [
          { name: 'power-update', server_uuid: id, tag: 'POWER_OFF' },
          { name: 'x', server_uuid: id },
        ],
      },
    ]
    for (const body of wrong) assert.equal((await send(body)).status, 400, JSON.stringify(body))
    assert.deepEqual(await actions(), before)
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
  })

  it('are for services and admins', async () => {
    const body = { events: [{ name: 'network-changed', server_uuid: id }] }
    assert.equal((await send(body, '2.1', fake.demo)).status, 403)
    assert.equal((await send(body, '2.1', await serviceUser())).status, 200)
  })

  async function serviceUser(): Promise<ApiClient> {
    const identity = <T>(path: string, method: 'GET' | 'POST' | 'PUT' = 'GET', body?: object): Promise<T> =>
      fake.admin.ask<T>({ method, path: `/identity/v3/${path}`, ...(body ? { body } : {}) })
    const user = { name: 'neutron', password: 'secret', project: 'service' }
    const made = await identity<{ user: { id: string } }>('users', 'POST', {
      user: { name: user.name, password: user.password },
    })
    const { projects } = await identity<{ projects: { id: string }[] }>('projects?name=service')
    const { roles } = await identity<{ roles: { id: string }[] }>('roles?name=service')
    await identity(`projects/${projects[0]!.id}/users/${made.user.id}/roles/${roles[0]!.id}`, 'PUT')
    return ApiClient.logIn(fake.cloud.url, user)
  }

  it('renew what is known of the network', async () => {
    const body = { network: { name: 'renamed' } }
    await fake.admin.ask({ method: 'PUT', path: `/network/v2.0/networks/${fake.network}`, body })
    await tell({ name: 'network-changed', server_uuid: id })
    const renamed = await until(
      LIMIT_SECONDS,
      async () => 'renamed' in (await showServer(fake, id)).addresses || undefined,
      20,
    )
    assert.ok(renamed)
  })

  it('take no port away that is still there', async () => {
    const path = `/compute/v2.1/servers/${id}/os-interface`
    const interfaces = async () =>
      (await fake.demo.ask<{ interfaceAttachments: { port_id: string }[] }>({ path })).interfaceAttachments
    const before = await interfaces()
    const body = { network: { name: 'private' } }
    await fake.admin.ask({ method: 'PUT', path: `/network/v2.0/networks/${fake.network}`, body })
    assert.equal((await tell({ name: 'network-vif-deleted', server_uuid: id, tag: before[0]!.port_id }))[0], 200)
    // It was heard: the network's name was renewed in its place.
    const renewed = await until(
      LIMIT_SECONDS,
      async () => 'private' in (await showServer(fake, id)).addresses || undefined,
      20,
    )
    assert.ok(renewed)
    assert.deepEqual(await interfaces(), before)
    assert.ok(!(await actions()).includes('detach_interface'))
  })

  it('turn a server off and on, once', async () => {
    const power = (tag: string) => tell({ name: 'power-update', server_uuid: id, tag })
    const earlier = (await actions()).length
    const newer = async () => (await actions()).slice(0, -earlier)
    await power('POWER_ON')
    assert.equal((await showServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual(await newer(), ['start'])
    await power('POWER_OFF')
    assert.equal((await settledServer(fake, id)).status, 'SHUTOFF')
    assert.equal((await power('POWER_OFF'))[0], 200)
    assert.equal((await power('POWER_UP'))[0], 200)
    assert.equal((await showServer(fake, id)).status, 'SHUTOFF')
    await power('POWER_ON')
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual(await newer(), ['start', 'stop', 'stop', 'start'])
  })
})
