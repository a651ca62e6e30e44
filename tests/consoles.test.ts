// Consoles of servers in a whole cloud on fake hosts: from the link to the guest's bytes, and whatever ends them.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { ApiClient } from '@kilonova/cloud/api-client'
import { shakeHands } from '@kilonova/compute/agent/testing-rfb'
import { tables } from '@kilonova/compute/compute'
import { connect, consoleLink, Refused, webSocketOf } from './console-client.ts'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const status =
  (code: number, sentence = /./) =>
  (error: unknown) => {
    assert.ok(isFault(error), String(error))
    assert.match(error.message, sentence)
    assert.equal(error.status, code)
    return true
  }

const refused = (code: number) => (error: unknown) => {
  assert.ok(error instanceof Refused, String(error))
  assert.equal(error.status, code)
  return true
}

const HOLDS_NO_LONGER = /does not hold/
const tokenOf = (link: string): string => new URL(webSocketOf(link)).searchParams.get('token')!

describe('a console', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud({ config: '[compute]\nallowed_origins = ["panel.example"]\n' })
    id = await newServer()
  })
  after(() => fake?.stop())

  async function newServer(): Promise<string> {
    const made = await createServer(fake)
    assert.equal((await settledServer(fake, made)).status, 'ACTIVE')
    return made
  }

  const act = (server: string, body: object, version = '2.96') =>
    fake.demo.ask<{ console: { type: string; url: string } }>({
      method: 'POST',
      path: `/compute/v2.1/servers/${server}/action`,
      body,
      headers: { 'openstack-api-version': `compute ${version}` },
    })
  const ask = (protocol: string, type: string, version = '2.99') =>
    fake.demo.ask({
      method: 'POST',
      path: `/compute/v2.1/servers/${id}/remote-consoles`,
      body: { remote_console: { protocol, type } },
      headers: { 'openstack-api-version': `compute ${version}` },
    })
  const tokens = (server: string) =>
    tables(fake.cloud.parts.compute)
      .selectFrom('compute_console_auth_tokens')
      .selectAll()
      .where('server_id', '=', server)
      .execute()

  async function serial(server = id, client = fake.demo) {
    return connect(await consoleLink(client, server, 'serial'))
  }

  it('takes what is typed at a serial port, and gives what it says', async () => {
    const link = await consoleLink(fake.demo, id, 'serial')
    assert.match(link, new RegExp(`^${fake.cloud.url.replace('http', 'ws')}/console/serial\\?token=[0-9a-f-]{36}$`))
    const { socket, reader, send, closed } = await connect(link)
    assert.equal(socket.protocol, 'binary')
    send('uname -a\n')
    assert.equal((await reader.exactly(9)).toString(), 'uname -a\n')
    const large = Buffer.alloc(900_000, 'kilonova ')
    send(large)
    assert.deepEqual(await reader.exactly(large.length), large)
    socket.close()
    await closed
  })

  it('shows a screen', async () => {
    const link = await consoleLink(fake.demo, id, 'vnc')
    assert.match(link, /\/console\/vnc\.html\?path=console%2Fvnc%3Ftoken%3D[0-9a-f-]{36}$/)
    const { socket, reader, send } = await connect(link)
    const screen = await shakeHands(reader, send)
    assert.equal(screen.version, 'RFB 003.008\n')
    assert.deepEqual([screen.width, screen.height], [640, 480])
    socket.close()
  })

  it('G16: lets each link in once, even when all its holders come at once', async () => {
    const link = await consoleLink(fake.demo, id, 'serial')
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => connect(link)))
    const [first, ...others] = outcomes.filter(({ status }) => status === 'fulfilled')
    assert.deepEqual(others, [])
    for (const outcome of outcomes) if (outcome.status === 'rejected') refused(401)(outcome.reason)
    await assert.rejects(connect(link), HOLDS_NO_LONGER)
    if (first?.status === 'fulfilled') first.value.socket.close()
  })

  it('G16: is of its own kind alone, and of no made-up token', async () => {
    const link = await consoleLink(fake.demo, id, 'serial')
    await assert.rejects(connect(link.replace('/serial?', '/vnc?')), refused(401))
    await assert.rejects(connect(link.replace(/token=.*/, 'token=')), refused(401))
    await assert.rejects(connect(link.replace(/token=.*/, `token=${id}`)), refused(401))
    assert.equal((await tokens(id)).length, 1, 'the attempts have not used the token up')
    assert.equal(JSON.stringify(await tokens(id)).includes(tokenOf(link)), false)
  })

  it('G16: refuses pages of other hosts, and does not use the link up for them', async () => {
    const link = await consoleLink(fake.demo, id, 'serial')
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1.evil.example', 'https://127.0.0.1'])
      await assert.rejects(connect(link, { origin }), refused(403), origin)
    const own = await connect(link, { origin: fake.cloud.url })
    own.socket.close()
    const allowed = await connect(await consoleLink(fake.demo, id, 'serial'), { origin: 'http://panel.example:8080' })
    allowed.socket.close()
  })

  it('ends the connection before it at a serial port', async () => {
    const first = await serial()
    const second = await serial()
    assert.equal((await first.closed).code, 1000)
    second.send('still here')
    assert.equal((await second.reader.exactly(10)).toString(), 'still here')
    second.socket.close()
  })

  it('ends when the server stops, and when it is deleted', async () => {
    const server = await newServer()
    const stopped = await serial(server)
    await act(server, { 'os-stop': null })
    assert.match((await stopped.closed).reason, /went off/)
    await settledServer(fake, server)
    await assert.rejects(consoleLink(fake.demo, server, 'serial'), status(409, /is not ready/))
    await act(server, { 'os-start': null })
    await settledServer(fake, server)
    const unused = await consoleLink(fake.demo, server, 'serial')
    const deleted = await serial(server)
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${server}` })
    await deleted.closed
    await goneServer(fake, server)
    assert.deepEqual(await tokens(server), [])
    await assert.rejects(connect(unused), refused(401))
  })

  it('refuses a link whose server has moved', async () => {
    const server = await newServer()
    const link = await consoleLink(fake.demo, server, 'serial')
    const { address, port } = (await tokens(server))[0]!
    const compute = fake.cloud.parts.compute
    const place = (columns: object) =>
      tables(compute).updateTable('compute_console_auth_tokens').set(columns).where('server_id', '=', server).execute()
    await place({ host: 'fake-2' })
    await assert.rejects(connect(link), refused(401))
    await place({ host: 'fake-1', address, port: port + 1 })
    await assert.rejects(connect(link), refused(401))
  })

  it('ends when its server has moved', async () => {
    const server = await newServer()
    const connection = await serial(server)
    const { compute } = fake.cloud.parts
    const move = (host: string) =>
      tables(compute).updateTable('compute_servers').set({ host }).where('id', '=', server).execute()
    await move('fake-2')
    const { code, reason } = await connection.closed
    assert.deepEqual([code, reason], [1008, 'the server has moved; ask for a new console'])
    await move('fake-1')
  })

  it('G16: ends, and its links with it, when its user may no longer have it', async () => {
    const { user, client } = await newUser('worker', fake.demo.projectId)
    const connection = await serial(id, client)
    const unused = await consoleLink(client, id, 'vnc')
    await fake.admin.ask({
      method: 'PATCH',
      path: `/identity/v3/users/${user}`,
      body: { user: { enabled: false } },
    })
    const { code, reason } = await connection.closed
    assert.equal(code, 1008)
    assert.match(reason, /holds no longer/)
    await assert.rejects(connect(unused), refused(401))
  })

  it('is unknown to another project', async () => {
    const { project } = await fake.admin.ask<{ project: { id: string } }>({
      method: 'POST',
      path: '/identity/v3/projects',
      body: { project: { name: 'other' } },
    })
    const { client } = await newUser('stranger', project.id, 'other')
    await assert.rejects(consoleLink(client, id, 'serial'), status(404, /could not be found/))
    const path = `/compute/v2.1/servers/${id}/diagnostics`
    await assert.rejects(client.ask({ path }), status(403, /Policy/))
    await assert.rejects(fake.admin.ask({ path: path.replace(id, project.id) }), status(404))
  })

  async function newUser(name: string, projectId: string, project = 'demo') {
    const password = 'correct horse'
    const made = await fake.admin.ask<{ user: { id: string } }>({
      method: 'POST',
      path: '/identity/v3/users',
      body: { user: { name, password } },
    })
    const { roles } = await fake.admin.ask<{ roles: { id: string }[] }>({ path: '/identity/v3/roles?name=member' })
    const role = `/identity/v3/projects/${projectId}/users/${made.user.id}/roles/${roles[0]!.id}`
    await fake.admin.ask({ method: 'PUT', path: role })
    return { user: made.user.id, client: await ApiClient.logIn(fake.cloud.url, { name, password, project }) }
  }

  it('is had by the old actions until 2.5', async () => {
    const vnc = await act(id, { 'os-getVNCConsole': { type: 'novnc' } }, '2.1')
    assert.equal(vnc.console.type, 'novnc')
    const { socket } = await connect(vnc.console.url)
    socket.close()
    const { console } = await act(id, { 'os-getSerialConsole': { type: 'serial' } }, '2.5')
    assert.match(console.url, /^ws:/)
    await assert.rejects(act(id, { 'os-getVNCConsole': { type: 'novnc' } }, '2.6'), status(404))
    await assert.rejects(act(id, { 'os-getSPICEConsole': { type: 'spice-html5' } }, '2.1'), status(400, /Unavailable/))
    await assert.rejects(
      act(id, { 'os-getVNCConsole': { type: 'xvpvnc' } }, '2.1'),
      status(400, /Invalid console type/),
    )
    await assert.rejects(act(id, { 'os-getVNCConsole': { type: 'vt100' } }, '2.1'), status(400, /is not one of/))
    await assert.rejects(act(id, { 'os-getRDPConsole': { type: 'rdp-html5' } }, '2.1'), status(410))
    await assert.rejects(ask('serial', 'serial', '2.5'), status(404))
  })

  it('is of a type that there is', async () => {
    await assert.rejects(ask('spice', 'spice-html5'), status(400, /Unavailable console type spice-html5/))
    await assert.rejects(ask('spice', 'spice-direct'), status(400, /Unavailable console type spice-direct/))
    await assert.rejects(ask('spice', 'spice-direct', '2.98'), status(400, /not valid|not one of/))
    await assert.rejects(ask('mks', 'webmks'), status(400, /Unavailable console type webmks/))
    await assert.rejects(ask('mks', 'webmks', '2.7'), status(400, /not valid|not one of/))
    await assert.rejects(ask('rdp', 'rdp-html5'), status(400, /Unavailable console type rdp-html5/))
    await assert.rejects(ask('vnc', 'serial'), status(400, /Invalid console type serial/))
  })

  it('tells admins what is behind a token', async () => {
    const token = tokenOf(await consoleLink(fake.demo, id, 'vnc'))
    const show = (version: string, { client = fake.admin, query = '', of = token } = {}) =>
      client.ask<{ console: { port: number } }>({
        path: `/compute/v2.1/os-console-auth-tokens/${of}${query}`,
        headers: { 'openstack-api-version': `compute ${version}` },
      })
    const { console } = await show('2.31')
    const { port } = console
    assert.deepEqual(console, { instance_uuid: id, host: '127.0.0.1', port, internal_access_path: null })
    assert.deepEqual((await show('2.99')).console, { ...console, tls_port: null })
    assert.equal((await show('2.98', { query: '?any=1' })).console.port, port)
    await assert.rejects(show('2.99', { query: '?any=1' }), status(400, /Additional properties/))
    await assert.rejects(show('2.30'), status(400))
    await assert.rejects(show('2.31', { client: fake.demo }), status(403, /Policy/))
    await assert.rejects(show('2.31', { of: id }), status(404, /Token not found/))
  })

  it('has pages whose scripts are all served, under rules that let nothing else run', async () => {
    const seen = new Set<string>()
    const visit = async (url: URL): Promise<void> => {
      if (seen.has(url.pathname)) return
      seen.add(url.pathname)
      const reply = await fetch(url)
      assert.equal(reply.status, 200, url.href)
      const isPage = url.pathname.endsWith('.html')
      const type = /\.m?js$/.test(url.pathname) ? 'text/javascript' : isPage ? 'text/html' : 'text/css'
      assert.ok(reply.headers.get('content-type')?.startsWith(type), url.href)
      const text = await reply.text()
      const uses = isPage ? /(?:src|href)="([^"]+)"/g : /^\s*(?:import|export)\b[^'"`;]*?['"](\.[^'"]+)['"];?$/gm
      for (const [, used] of text.matchAll(uses)) await visit(new URL(used!, url))
    }
    for (const page of ['serial', 'vnc']) {
      const url = new URL(`/console/${page}.html?token=x`, fake.cloud.url)
      const { headers } = await fetch(url)
      assert.equal(headers.get('referrer-policy'), 'no-referrer')
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self';/)
      await visit(url)
    }
    assert.ok(seen.has('/console/assets/xterm/xterm.mjs'))
    assert.ok(seen.has('/console/assets/novnc/vendor/pako/lib/zlib/inflate.js'))
  })

  it('serves nothing beside those', async () => {
    const paths = [
      '',
      'assets/',
      'assets/../proxy.ts',
      'assets/%2e%2e/%2e%2e/package.json',
      'assets//etc/passwd',
      'serial',
    ]
    for (const path of paths) {
      const reply = await fetch(`${fake.cloud.url}/console/${path}`, { redirect: 'manual' })
      assert.equal(reply.status, 404, path)
    }
  })

  it('leaves requests to upgrade elsewhere to be answered as ever', async () => {
    const { request } = await import('node:http')
    const code = await new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': '' }
      request(`${fake.cloud.url}/healthz`, { headers }, (reply) => resolve(reply.resume().statusCode))
        .on('error', reject)
        .end()
    })
    assert.equal(code, 200)
  })
})
