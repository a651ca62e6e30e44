// What nobody should ask for, and a host that does not play along: the right status, a sentence, nothing left behind.
import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import type { Ask } from '@kilonova/cloud/api-client'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { freePort, kilonova, RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { active, createServer, findServer, removeServer, settled, thingsOf } from './servers.ts'

const NOBODY = '70a599e0-31e7-49b7-b260-868f441e862b'
const MIB = 1024 ** 2

/** The room for images on the small file system that is mounted over them. */
const ROOM_MIB = 64

interface Refusal {
  status: number
  message: string
}

/** What a request is refused with. */
async function refusal(client: Pick<ApiClient, 'ask'>, ask: Ask): Promise<Refusal> {
  try {
    const answer = await client.ask(ask)
    return { status: 200, message: JSON.stringify(answer) ?? '' }
  } catch (error) {
    if (!isFault(error)) throw error
    return { status: error.status, message: error.message }
  }
}

/** PUTs so many MiB, as long as they are taken. */
function send(url: string, headers: object, mib: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'PUT', headers: { ...headers } }, async (reply) => {
      resolve({ status: reply.statusCode!, text: (await reply.toArray()).join('') })
      asked.destroy()
    })
    asked.on('error', reject)
    Readable.from(Array.from({ length: mib }, () => Buffer.alloc(MIB, 1))).pipe(asked)
  })
}

let fake: RealCloud
/** Asked for at the beginning, to have expired at the end. */
let early: string

before(async () => {
  fake = await RealCloud.start({ driver: 'fake', config: '[identity]\ntoken_expiration = 60\n' })
  early = await fake.token('demo')
})
after(() => fake?.remove())

describe('wrong requests', () => {
  let cloud: RealCloud
  let things: Things
  let existing: number

  before(async () => {
    cloud = fake
    things = await thingsOf(cloud.demo)
    existing = await countPorts()
  })

  const countPorts = async (): Promise<number> =>
    (await cloud.admin.ask<{ ports: unknown[] }>({ path: '/network/v2.0/ports' })).ports.length

  const withToken = (token: string | undefined, path: string): Promise<Response> =>
    fetch(cloud.url + path, { headers: token === undefined ? {} : { 'x-auth-token': token } })

  it('without a token, or with one that is made up or revoked, get 401', async () => {
    const token = await cloud.token('demo')
    for (const path of ['/compute/v2.1/servers', '/network/v2.0/networks', '/image/v2/images', '/identity/v3/users'])
      for (const wrong of [undefined, 'made-up', `${token.slice(0, -4)}AAAA`, 'x'.repeat(5_000)]) {
        const { status } = await withToken(wrong, path)
        assert.equal(status, 401, `${path} with ${wrong?.slice(0, 20)}`)
      }
    assert.equal((await withToken(token, '/compute/v2.1/servers')).status, 200)
    const headers = { 'x-auth-token': token, 'x-subject-token': token }
    assert.equal((await fetch(`${cloud.url}/identity/v3/auth/tokens`, { method: 'DELETE', headers })).status, 204)
    const isRefused = await until(60, async () =>
      (await withToken(token, '/compute/v2.1/servers')).status === 401 ? true : undefined,
    )
    assert.ok(isRefused, 'a revoked token is still good after a minute')
  })

  it('with the token of another cloud get 401', async () => {
    const other = await RealCloud.create({ driver: 'fake', config: '' })
    try {
      await other.up()
      const { status } = await withToken(await other.token('demo'), '/compute/v2.1/servers')
      assert.equal(status, 401)
    } finally {
      await other.remove()
    }
  })

  it('with a wrong password get 401, and with a wrong scope no token', async () => {
    const logIn = (user: Partial<Parameters<typeof ApiClient.logIn>[1]>) =>
      ApiClient.logIn(cloud.url, { name: 'demo', password: 'wrong', project: 'demo', ...user }).then(
        () => 201,
        (error) => (isFault(error) ? error.status : error),
      )
    assert.equal(await logIn({}), 401)
    assert.equal(await logIn({ name: 'nobody' }), 401)
    const { demo: password } = await cloud.state.credentials()
    assert.equal(await logIn({ password, project: 'admin' }), 401)
    assert.equal(await logIn({ password }), 201)
  })

  it('of an unknown microversion get 406', async () => {
    const path = '/compute/v2.1/servers'
    for (const version of ['compute 2.999', 'compute 1.0'])
      assert.equal((await refusal(cloud.demo, { path, headers: { 'openstack-api-version': version } })).status, 406)
    for (const version of ['compute two', 'compute 2.x'])
      assert.equal((await refusal(cloud.demo, { path, headers: { 'openstack-api-version': version } })).status, 400)
  })

  it('for servers that cannot be get 400 and 403 with a sentence', async () => {
    const wrong: [object, number, RegExp][] = [
      [{ imageRef: NOBODY }, 400, new RegExp(NOBODY)],
      [{ imageRef: 'no uuid' }, 400, /no uuid|imageRef/],
      [{ flavorRef: '4711' }, 400, /Flavor 4711 could not be found/],
      [{ networks: [{ uuid: NOBODY }] }, 400, new RegExp(NOBODY)],
      [{ networks: [{ port: NOBODY }] }, 400, new RegExp(NOBODY)],
      [{ networks: 7 }, 400, /networks/],
      [{ name: 'x'.repeat(256) }, 400, /too long/],
      [{ name: '' }, 400, /name/],
      [{ name: 17 }, 400, /17 is not of type 'string'/],
      [{ colour: 'red' }, 400, /'colour' was unexpected/],
      [{ metadata: { key: 1 } }, 400, /1 is not of type 'string'|metadata/],
      [{ user_data: 'not base64 !' }, 400, /user_data/],
      [{ user_data: 'QUFB'.repeat(20_000) }, 400, /too long/],
      [{ key_name: 'nobody' }, 400, /key/i],
      [{ security_groups: [{ name: 'nobody' }] }, 400, /nobody/],
      [{ availability_zone: 'mars' }, 400, /availability zone/],
      [{ min_count: 0 }, 400, /min_count|0 is less/],
      [{ min_count: 11 }, 403, /Quota exceeded for instances/],
    ]
    const { image, flavor, network } = things
    const good = { name: 'x', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
    for (const [parts, status, sentence] of wrong) {
      const body = { server: { ...good, ...parts } }
      const told = await refusal(cloud.demo, { method: 'POST', path: '/compute/v2.1/servers', body })
      const what = `${JSON.stringify(parts).slice(0, 80)} → ${JSON.stringify(told).slice(0, 300)}`
      assert.equal(told.status, status, what)
      assert.match(told.message, sentence, what)
    }
    const { servers } = await cloud.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })
    assert.deepEqual(servers, [])
  })

  it('of any other shape get 400, 404, 405 and 415', async () => {
    const send = async (path: string, init: RequestInit): Promise<number> => {
      const reply = await fetch(cloud.url + path, { ...init, headers: { 'x-auth-token': token, ...init.headers } })
      await reply.text()
      return reply.status
    }
    const token = await cloud.token('demo')
    const json = { 'content-type': 'application/json' }
    const servers = '/compute/v2.1/servers'
    assert.equal(await send(servers, { method: 'POST', headers: json, body: '{"server":' }), 400)
    assert.equal(await send(servers, { method: 'POST', headers: json, body: '[]' }), 400)
    assert.equal(await send(servers, { method: 'POST', headers: json, body: '' }), 400)
    assert.equal(await send(servers, { method: 'POST', headers: { 'content-type': 'text/xml' }, body: '<a/>' }), 415)
    assert.equal(await send(`${servers}/${NOBODY}`, {}), 404)
    assert.equal(await send(`${servers}/..%2f..%2fetc%2fpasswd`, {}), 404)
    assert.equal(await send('/compute/v2.1/nothing', {}), 404)
    assert.equal(await send('/nowhere', {}), 404)
    assert.equal(await send(`${servers}?limit=-1`, {}), 400)
    assert.equal(await send(`${servers}?limit=many`, {}), 400)
    assert.equal(await send(`${servers}?marker=${NOBODY}`, {}), 400)
    assert.ok([404, 405].includes(await send(servers, { method: 'PATCH', headers: json, body: '{}' })))
    assert.equal(await send('/network/v2.0/networks/nothing', {}), 404)
    assert.equal(await send('/image/v2/images/nothing', {}), 404)
  })

  it('for networks that cannot be get 400, 404 and 409', async () => {
    const post = (path: string, body: object) =>
      refusal(cloud.demo, { method: 'POST', path: `/network/v2.0/${path}`, body })
    const subnet = (parts: object) =>
      post('subnets', { subnet: { network_id: things.network, ip_version: 4, cidr: '10.99.0.0/24', ...parts } })
    assert.equal((await subnet({ network_id: NOBODY })).status, 404)
    assert.equal((await subnet({ cidr: '10.99.0.0/99' })).status, 400)
    assert.equal((await subnet({ ip_version: 6 })).status, 400)
    assert.equal((await subnet({ colour: 'red' })).status, 400)
    assert.equal((await post('networks', { network: { name: 7 } })).status, 400)
    assert.equal((await post('ports', { port: { network_id: NOBODY } })).status, 404)
    const rule = { security_group_id: NOBODY, direction: 'ingress', protocol: 'tcp' }
    assert.equal((await post('security-group-rules', { security_group_rule: rule })).status, 404)
    assert.equal(await countPorts(), existing)
  })

  const newImage = async (disk_format: string): Promise<string> => {
    const body = { name: 'wrong', disk_format, container_format: 'bare' }
    return (await cloud.demo.ask<{ id: string }>({ method: 'POST', path: '/image/v2/images', body })).id
  }

  it('with images that are not what they say get 415, and nothing is kept', async () => {
    const token = await cloud.token('demo')
    const headers = { 'x-auth-token': token, 'content-type': 'application/octet-stream' }
    const qcow2 = await run('qemu-img', ['create', '-q', '-f', 'qcow2', join(cloud.state.path, 'a.qcow2'), '1M']).then(
      () => readFile(join(cloud.state.path, 'a.qcow2')),
    )
    const backed = join(cloud.state.path, 'b.qcow2')
    await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', backed, '1M'])
    const cases: [string, Buffer][] = [
      ['raw', qcow2],
      ['qcow2', Buffer.alloc(MIB)],
      ['vmdk', qcow2],
      ['qcow2', await readFile(backed)],
    ]
    for (const [format, content] of cases) {
      const id = await newImage(format)
      const reply = await fetch(`${cloud.url}/image/v2/images/${id}/file`, { method: 'PUT', headers, body: content })
      assert.equal(reply.status, 415, `${format}: ${await reply.text()}`)
      const { status, size } = await cloud.demo.ask<{ status: string; size: number | null }>({
        path: `/image/v2/images/${id}`,
      })
      assert.deepEqual([status, size], ['queued', null])
      const { image: _, ...rest } = things
      const told = await refusal(cloud.demo, {
        method: 'POST',
        path: '/compute/v2.1/servers',
        body: { server: { name: 'x', imageRef: id, flavorRef: rest.flavor, networks: 'none' } },
      })
      assert.equal(told.status, 400)
      assert.match(told.message, /not active/)
      await cloud.demo.ask({ method: 'DELETE', path: `/image/v2/images/${id}` })
    }
    assert.equal((await readdir(cloud.state.images)).filter((name) => name.endsWith('.part')).length, 0)
    assert.deepEqual((await cloud.audit()).orphans, [])
  })

  it('for a server larger than any host end in ERROR with the reason', async () => {
    const made = await cloud.admin.ask<{ flavor: { id: string } }>({
      method: 'POST',
      path: '/compute/v2.1/flavors',
      body: { flavor: { name: 'huge', vcpus: 1, ram: 100_000_000, disk: 1 } },
    })
    const quota = { ram: -1 }
    const path = `/compute/v2.1/os-quota-sets/${cloud.demo.projectId}`
    await cloud.admin.ask({ method: 'PUT', path, body: { quota_set: quota } })
    const id = await createServer(cloud.demo, things, { flavorRef: made.flavor.id })
    const server = await settled(cloud.demo, id)
    assert.equal(server?.status, 'ERROR')
    assert.match(server!.fault!.message, /^No valid host was found\. No host that suits it has room: of 1, .*MEMORY_MB/)
    const { code, stdout } = await cloud.command('explain', id)
    assert.equal(code, 0)
    assert.match(stdout, /MEMORY_MB/)
    await removeServer(cloud.demo, id)
    assert.equal(await countPorts(), existing)
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})

describe('a cloud that cannot start', () => {
  let cloud: RealCloud
  before(async () => {
    cloud = await RealCloud.start({ driver: 'fake', config: '' })
  })
  after(() => cloud?.remove())

  const up = (stateDir: string, port: number, ...more: string[]) =>
    kilonova('up', '--state-dir', stateDir, '--port', String(port), '--driver', 'fake', ...more)

  it('because its port is taken ends with 4 and says who has it', async () => {
    const server = createTcpServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const other = join(cloud.state.path, 'other')
      for (const detach of [[], ['--detach']]) {
        const { code, stderr } = await up(other, port, ...detach)
        assert.equal(code, 4, stderr)
        assert.match(stderr, new RegExp(`Port ${port} of 127\\.0\\.0\\.1 is taken by .*pid ${process.pid}`))
        assert.match(stderr, /--port/)
      }
    } finally {
      server.close()
    }
  })

  it('because its directory is in use ends with 4 and names it', async () => {
    const { code, stderr } = await up(cloud.state.path, await freePort())
    assert.equal(code, 4, stderr)
    assert.ok(stderr.includes(cloud.state.path), stderr)
    assert.match(stderr, /--state-dir/)
    assert.equal((await cloud.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers' })).servers.length, 0)
  })

  it('because its options are wrong ends with 2 or 1 and names the nearest', async () => {
    const config = join(cloud.state.path, 'wrong.toml')
    await writeFile(config, '[compute]\nvirt_typo = "qemu"\n')
    const wrong = await up(join(cloud.state.path, 'third'), await freePort(), '--config', config)
    assert.notEqual(wrong.code, 0)
    assert.match(wrong.stderr, /wrong\.toml.*virt_typo.*virt_type/s)
    const usage = await kilonova('up', '--prot', '1')
    assert.equal(usage.code, 2)
    assert.match(usage.stderr, /--port/)
    assert.equal((await kilonova('dmeo')).code, 2)
  })
})

describe('a host that does not play along', () => {
  let cloud: RealCloud
  let things: Things

  before(async () => {
    cloud = await RealCloud.create({
      config: `[compute]\nvirt_type = "qemu"\n[image]\nreserved_space_mb = 4\n`,
    })
    await run('mkdir', ['-p', cloud.state.images])
    await run('mount', ['-t', 'tmpfs', '-o', `size=${ROOM_MIB}m`, 'tmpfs', cloud.state.images])
    await cloud.up()
    await cloud.ready()
    things = await thingsOf(cloud.demo)
  })
  after(async () => {
    await cloud?.kill()
    await run('umount', ['-l', cloud.state.images], { accept: [0, 1, 32] })
    await cloud?.remove()
  })

  async function upload(mib: number, announced: boolean): Promise<{ id: string; status: number; text: string }> {
    const about = { name: 'large', disk_format: 'raw', container_format: 'bare' }
    const { id } = await cloud.demo.ask<{ id: string }>({ method: 'POST', path: '/image/v2/images', body: about })
    const url = `${cloud.url}/image/v2/images/${id}/file`
    const size = announced ? { 'content-length': mib * MIB } : {}
    const headers = { 'x-auth-token': await cloud.token('demo'), 'content-type': 'application/octet-stream', ...size }
    return { id, ...(await send(url, headers, mib)) }
  }

  it('with a full disk refuses an upload and keeps nothing of it', async () => {
    for (const announced of [true, false]) {
      const { id, status, text } = await upload(ROOM_MIB + 8, announced)
      assert.equal(status, 507, text)
      assert.match(text, /not enough space/)
      const { status: state } = await cloud.demo.ask<{ status: string }>({ path: `/image/v2/images/${id}` })
      assert.equal(state, 'queued')
      await cloud.demo.ask({ method: 'DELETE', path: `/image/v2/images/${id}` })
    }
    assert.equal((await readdir(cloud.state.images)).length, 1)
    const { id, status, text } = await upload(8, true)
    assert.equal(status, 204, text)
    await cloud.demo.ask({ method: 'DELETE', path: `/image/v2/images/${id}` })
    assert.deepEqual((await cloud.audit()).orphans, [])
  })

  const daemonPid = async (): Promise<number> =>
    Number.parseInt(await readFile(join(cloud.state.libvirt, 'run', 'libvirtd.pid'), 'utf8'), 10)
  const qemuOf = async (id: string): Promise<string> =>
    (await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`], { accept: [0, 1] })).stdout.trim()

  it('whose libvirtd hangs goes on answering, and makes the server once it moves again', async () => {
    const pid = await daemonPid()
    process.kill(pid, 'SIGSTOP')
    let id: string
    try {
      id = await createServer(cloud.demo, things, { name: 'patient' })
      for (const path of ['/compute/v2.1/servers/detail', '/compute/v2.1/os-hypervisors/detail', '/healthz'])
        assert.equal((await refusal(cloud.admin, { path })).status, 200, path)
      assert.equal((await findServer(cloud.demo, id))?.status, 'BUILD')
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await active(cloud.demo, id)
    await removeServer(cloud.demo, id)
    assert.deepEqual((await cloud.audit()).orphans, [])
  })

  it('whose libvirtd is killed goes on answering, and makes servers again', async () => {
    const beside = await createServer(cloud.demo, things, { name: 'beside' })
    await active(cloud.demo, beside)
    const pid = await qemuOf(beside)
    const dead = await daemonPid()
    const id = await createServer(cloud.demo, things, { name: 'during' })
    process.kill(dead, 'SIGKILL')
    for (let asked = 0; asked < 10; asked++) {
      for (const path of ['/compute/v2.1/servers/detail', '/compute/v2.1/os-services', '/kilonova/v1/status']) {
        const told = await refusal(cloud.admin, { path })
        assert.ok(told.status < 500, `${path}: ${told.message}`)
      }
    }
    const server = await settled(cloud.demo, id)
    assert.ok(
      server?.status === 'ACTIVE' || (server?.status === 'ERROR' && server.fault?.message),
      JSON.stringify(server),
    )
    const after = await createServer(cloud.demo, things, { name: 'afterwards' })
    assert.equal((await active(cloud.demo, after)).status, 'ACTIVE')
    assert.notEqual(await daemonPid(), dead)
    assert.equal(await qemuOf(beside), pid)
    assert.equal((await active(cloud.demo, beside)).status, 'ACTIVE')
    for (const one of [beside, id, after]) if (await findServer(cloud.demo, one)) await removeServer(cloud.demo, one)
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  })
})

it('a token that has expired gets 401', async () => {
  const ask = async (): Promise<number> =>
    (await fetch(`${fake.url}/compute/v2.1/servers`, { headers: { 'x-auth-token': early } })).status
  const status = await until(300, async () => ((await ask()) === 401 ? 401 : undefined), 500)
  assert.equal(status, 401)
})
