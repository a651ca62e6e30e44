// Every route that takes an Idempotency-Key, on both databases: done once, answered the same. No route is forgotten.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Route } from '@kilonova/api/route'
import { systemRandom } from '@kilonova/base/random'
import { computeService } from '@kilonova/compute/service'
import { identityService } from '@kilonova/identity/service'
import { startPostgres } from '@kilonova/store/testing'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'

/** More than a process has connections to PostgreSQL. */
const AT_ONCE = 12

/** What the requests are about. */
interface Things {
  fake: FakeCloud
  server: string
  /** Made with another name for each request, so that each makes something else. */
  name: string
  subnet: string
  external: string
  group: string
  service: string
  provider: string
  ownImage: string
}

interface Asked {
  path: string
  body: object
}

const to = (path: string, body: object): Asked => ({ path, body })

/** A request for each route that takes keys. */
const ASKED: Record<string, (things: Things) => Asked> = {
  'compute /v2.1/servers': ({ fake, name }) => {
    const usual = { imageRef: fake.image, flavorRef: fake.flavor, networks: [{ uuid: fake.network }] }
    return to('/compute/v2.1/servers', { server: { name, ...usual } })
  },
  'compute /v2.1/servers/:id/action createImage': ({ server, name }) =>
    to(`/compute/v2.1/servers/${server}/action`, { createImage: { name } }),
  'compute /v2.1/servers/:id/action createBackup': ({ server, name }) =>
    to(`/compute/v2.1/servers/${server}/action`, { createBackup: { name, backup_type: 'daily', rotation: 9 } }),
  'compute /v2.1/flavors': ({ name }) => to('/compute/v2.1/flavors', { flavor: { name, ram: 64, vcpus: 1, disk: 1 } }),
  'compute /v2.1/os-keypairs': ({ name }) => to('/compute/v2.1/os-keypairs', { keypair: { name } }),
  'compute /v2.1/os-server-groups': ({ name }) =>
    to('/compute/v2.1/os-server-groups', { server_group: { name, policies: ['affinity'] } }),
  'compute /v2.1/os-aggregates': ({ name }) => to('/compute/v2.1/os-aggregates', { aggregate: { name } }),
  'network /v2.0/networks': ({ name }) => to('/network/v2.0/networks', { network: { name } }),
  'network /v2.0/subnets': ({ fake, name }) => {
    const cidr = `10.${Number.parseInt(name.slice(0, 2), 16)}.${Number.parseInt(name.slice(2, 4), 16)}.0/24`
    return to('/network/v2.0/subnets', { subnet: { name, network_id: fake.network, ip_version: 4, cidr } })
  },
  'network /v2.0/ports': ({ fake, name }) => to('/network/v2.0/ports', { port: { name, network_id: fake.network } }),
  'network /v2.0/routers': ({ name }) => to('/network/v2.0/routers', { router: { name } }),
  'network /v2.0/floatingips': ({ external, name }) =>
    to('/network/v2.0/floatingips', { floatingip: { floating_network_id: external, description: name } }),
  'network /v2.0/security-groups': ({ name }) => to('/network/v2.0/security-groups', { security_group: { name } }),
  'network /v2.0/security-group-rules': ({ group, name }) => {
    const port = 1 + Number.parseInt(name.slice(0, 3), 16)
    const rule = { direction: 'ingress', protocol: 'tcp', port_range_min: port, port_range_max: port }
    return to('/network/v2.0/security-group-rules', { security_group_rule: { security_group_id: group, ...rule } })
  },
  'image /v2/images': ({ name }) => to('/image/v2/images', { name, disk_format: 'raw', container_format: 'bare' }),
  'image /v2/images/:id/members': ({ ownImage, name }) => to(`/image/v2/images/${ownImage}/members`, { member: name }),
  'identity /v3/projects': ({ name }) => to('/identity/v3/projects', { project: { name, tags: ['a'] } }),
  'identity /v3/users': ({ name }) => to('/identity/v3/users', { user: { name, password: 'a-password' } }),
  'identity /v3/services': ({ name }) => to('/identity/v3/services', { service: { name, type: name } }),
  'identity /v3/domains': ({ name }) => to('/identity/v3/domains', { domain: { name } }),
  'identity /v3/regions': ({ name }) => to('/identity/v3/regions', { region: { description: name } }),
  'identity /v3/roles': ({ name }) => to('/identity/v3/roles', { role: { name } }),
  'identity /v3/groups': ({ name }) => to('/identity/v3/groups', { group: { name } }),
  'identity /v3/endpoints': ({ service, name }) =>
    to('/identity/v3/endpoints', {
      endpoint: { service_id: service, interface: 'public', url: `http://${name}.example` },
    }),
  'placement /resource_providers': ({ name }) => to('/placement/resource_providers', { name }),
  'placement /resource_classes': ({ name }) => to('/placement/resource_classes', { name: classOf(name) }),
  'placement /resource_providers/:uuid/inventories': ({ provider }) =>
    to(`/placement/resource_providers/${provider}/inventories`, {
      ...{ resource_class: 'VCPU', total: 4, resource_provider_generation: 0 },
    }),
}

/** POSTs that make nothing, or nothing that repeating makes twice, or that wait for hosts; actions aside. */
const WITHOUT = [
  'compute /v2.1/flavors/:flavorId/os-extra_specs',
  'compute /v2.1/os-aggregates/:id/images',
  'compute /v2.1/os-server-external-events',
  'compute /v2.1/servers/:id/remote-consoles',
  'compute /v2.1/servers/:serverId/metadata',
  'compute /v2.1/servers/:serverId/os-interface',
  'identity /v3/auth/tokens',
  'identity /v3/users/:id/password',
  'image /v2/images/:id/actions/deactivate',
  'image /v2/images/:id/actions/reactivate',
  'placement /allocations',
  'placement /reshaper',
]

const classOf = (name: string): string => `CUSTOM_${name.replaceAll('-', '_').toUpperCase()}`

function postsOf({ cloud: { parts } }: FakeCloud): { name: string; once: boolean; action: boolean }[] {
  const { identity, image, placement, network, compute } = parts
  const services: Record<string, readonly Route<never>[]> = {
    ...{ identity: identityService(identity).routes, image: image.api.routes, placement: placement.api.routes },
    ...{ network: network.api.routes, compute: computeService(compute).routes },
  }
  return Object.entries(services).flatMap(([service, routes]) =>
    routes
      .filter(({ method, success }) => method === 'POST' && success !== 410)
      .map(({ path, action, once = false }) => ({
        name: [service, path, ...(action === undefined ? [] : [action])].join(' '),
        ...{ once, action: path.endsWith('/action') },
      })),
  )
}

interface Got {
  status: number
  location: string | null
  text: string
}

function suite(kind: string, urlOf: () => Promise<{ url: string; stop: () => Promise<void> }>): void {
  describe(`repeated requests on ${kind}`, () => {
    let things: Things
    let directory: string
    let database: Awaited<ReturnType<typeof urlOf>>

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kilonova-repeated-'))
      database = await urlOf()
      const fake = await startFakeCloud({ directory, config: `[database]\nurl = "${database.url}"\n` })
      things = await thingsOf(fake)
    })
    after(async () => {
      await things?.fake.stop()
      await database?.stop()
      await rm(directory, { recursive: true, force: true })
    })

    async function thingsOf(fake: FakeCloud): Promise<Things> {
      const server = await createServer({ ...fake, demo: fake.admin })
      await settledServer({ demo: fake.admin }, server)
      const first = async (path: string): Promise<string> => {
        const found = Object.values(await fake.admin.ask<Record<string, { id: string }[]>>({ path })).find(
          Array.isArray,
        )
        return found![0]!.id
      }
      const made = async (path: string, body: object) =>
        Object.values(JSON.parse((await send(fake, { path, body })).text))
      const [subnet, external] = [
        await first('/network/v2.0/subnets'),
        await first('/network/v2.0/networks?router:external=true'),
      ]
      const [group] = (await made('/network/v2.0/security-groups', { security_group: { name: 'of rules' } })) as Thing[]
      const provider = systemRandom.uuid()
      await send(fake, { path: '/placement/resource_providers', body: { name: 'of inventories', uuid: provider } })
      const image = await send(fake, { path: '/image/v2/images', body: { visibility: 'shared' } })
      const ownImage = (JSON.parse(image.text) as Thing).id
      const service = await first('/identity/v3/services')
      return { ...{ fake, server, name: '', subnet, external, service, provider, ownImage }, group: group!.id }
    }

    interface Thing {
      id: string
    }

    /** As an admin, with compute's microversion at which key pairs and groups have their older form. */
    async function send(fake: FakeCloud, { path, body }: Asked, key?: string): Promise<Got & { replayed: boolean }> {
      const versions = { 'openstack-api-version': 'compute 2.60, placement 1.39' }
      const headers = { ...versions, ...(key === undefined ? {} : { 'idempotency-key': key }) }
      const reply = await fake.admin.send({ method: 'POST', path, body, headers })
      const { status, headers: got } = reply
      const replayed = got.get('idempotent-replayed') === 'true'
      return { status, location: got.get('location'), text: await reply.text(), replayed }
    }

    /** Of the routes that act on the one server: one is done before the next is asked for. */
    const settled = () => settledServer({ demo: things.fake.admin }, things.server)

    it('are of every route that makes something', () => {
      const posts = postsOf(things.fake)
      const once = posts.filter((post) => post.once).map(({ name }) => name)
      assert.deepEqual(once.toSorted(), Object.keys(ASKED).toSorted())
      const others = posts.filter((post) => !post.once && !post.action).map(({ name }) => name)
      assert.deepEqual([...new Set(others)].toSorted(), WITHOUT)
    })

    for (const [name, asked] of Object.entries(ASKED)) {
      it(`${name}: done once, answered the same`, async () => {
        const { fake } = things
        const [request, key] = [asked({ ...things, name: systemRandom.uuid() }), systemRandom.uuid()]
        await settled()
        const all = await Promise.all(Array.from({ length: AT_ONCE }, () => send(fake, request, key)))
        const [first] = all
        assert.ok(first!.status < 300, first!.text)
        for (const got of all) assert.deepEqual({ ...got, replayed: false }, { ...first, replayed: false })
        assert.equal(all.filter(({ replayed }) => !replayed).length, 1)
        await settled()
        assert.deepEqual(await send(fake, request, key), { ...first, replayed: true })
        const other = await send(fake, request, systemRandom.uuid())
        assert.ok(other.status < 300 || [400, 409].includes(other.status), other.text)
        if (other.status < 300 && first!.text !== '') assert.notEqual(other.text, first!.text)
      })
    }
  })
}

suite('sqlite', async () => ({ url: 'sqlite:', stop: async () => undefined }))
suite('postgres', async () => {
  const cluster = await startPostgres()
  return { url: await cluster.createDatabase(), stop: () => cluster.stop() }
})
