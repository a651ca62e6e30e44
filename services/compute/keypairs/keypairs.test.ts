import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { run } from '@kilonova/base/command'
import type { ApiUnderTest } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { keypairRoutes } from './routes.ts'
import { sshFingerprint } from './ssh-key.ts'
import { x509Fingerprint } from './x509.ts'

const KEY =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDx8nkQv/zgGgB4rMYmIf+6A4l6Rr+o/6lHBQdW5aYd44bd8JttDCE/F/pNRr0lRE+PiqSPO8nDPHw0010JeMH9gYgnnFlyY3/OcJ02RhIPyyxYpv9FhY+2YiUkpwFOcLImyrxEsYXpD/0d3ac30bNH6Sw9JD9UZHYcpSxsIbECHw== Generated-by-Nova'
const FINGERPRINT = '1e:2c:9b:56:79:4b:45:77:f9:ca:7a:98:2c:b0:d5:3c'

async function withApi(work: (api: ApiUnderTest) => Promise<void>, toml = ''): Promise<void> {
  const api = await startApi(keypairRoutes, { toml })
  try {
    await work(api)
  } finally {
    await api.close()
  }
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-keys-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

const create = (api: ApiUnderTest, keypair: object, version = '2.104') =>
  api.ask('POST /v2.1/os-keypairs', { version, body: { keypair } })

describe('SSH public keys', () => {
  test('the fingerprint is that of the sample', () => {
    assert.equal(sshFingerprint(KEY), FINGERPRINT)
    assert.equal(sshFingerprint(`${KEY}\n`), FINGERPRINT)
    assert.equal(sshFingerprint(KEY.split(' ').slice(0, 2).join(' ')), FINGERPRINT)
  })

  for (const [type, bits] of [
    ['rsa', '2048'],
    ['ed25519', ''],
    ['ecdsa', '256'],
    ['ecdsa', '384'],
    ['ecdsa', '521'],
  ]) {
    test(`${type} ${bits} as ssh-keygen makes and fingerprints it`, () =>
      inDirectory(async (directory) => {
        const file = join(directory, 'key')
        const size = bits ? ['-b', bits] : []
        await run('ssh-keygen', ['-q', '-t', type!, ...size, '-N', '', '-C', 'some one', '-f', file])
        const { stdout } = await run('ssh-keygen', ['-l', '-E', 'md5', '-f', `${file}.pub`])
        assert.ok(stdout.includes(`MD5:${sshFingerprint(await readFile(`${file}.pub`, 'utf8'))}`), stdout)
      }))
  }

  const [type, base64] = KEY.split(' ') as [string, string]
  const wrong: [string, string][] = [
    ['empty', ''],
    ['no key', 'ssh-rsa'],
    ['another type inside', `ssh-ed25519 ${base64}`],
    ['an unknown type', 'ssh-foo AAAAB3NzaC1mb28='],
    ['cut short', `${type} ${base64.slice(0, 40)}`],
    ['not base64', `${type} ${base64.slice(0, -3)}`],
    ['two lines', `${KEY}\n${KEY}`],
    ['options before it', `command="sh" ${KEY}`],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----'],
    [
      'ed25519 of 31 bytes',
      `ssh-ed25519 ${Buffer.concat([Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x1f'), Buffer.alloc(31)]).toString('base64')}`,
    ],
  ]
  for (const [what, text] of wrong) {
    test(`refused: ${what}`, () => {
      assert.throws(() => sshFingerprint(text), { code: 'InvalidKeypair', status: 400 })
    })
  }
})

test('an imported key by version', () =>
  withApi(async (api) => {
    const plain = { name: 'k', public_key: KEY, fingerprint: FINGERPRINT }
    const first = await create(api, { name: 'k', public_key: KEY }, '2.1')
    assert.deepEqual([first.status, first.body], [200, { keypair: { ...plain, user_id: 'alice' } }])
    const second = await create(api, { name: 'k2', public_key: KEY, type: 'ssh' }, '2.2')
    assert.deepEqual(
      [second.status, second.body],
      [201, { keypair: { ...plain, name: 'k2', type: 'ssh', user_id: 'alice' } }],
    )

    const shown = {
      ...plain,
      user_id: 'alice',
      id: 1,
      created_at: '2023-11-14T22:13:20.000000',
      updated_at: null,
      deleted: false,
      deleted_at: null,
    }
    assert.deepEqual((await api.ask('GET /v2.1/os-keypairs/k')).body, { keypair: shown })
    assert.deepEqual((await api.ask('GET /v2.1/os-keypairs/k', { version: '2.2' })).body, {
      keypair: { ...shown, type: 'ssh' },
    })
    const listed = await api.ask('GET /v2.1/os-keypairs')
    assert.deepEqual(listed.body, { keypairs: [{ keypair: plain }, { keypair: { ...plain, name: 'k2' } }] })

    assert.equal((await api.ask('DELETE /v2.1/os-keypairs/k')).status, 202)
    assert.equal((await api.ask('DELETE /v2.1/os-keypairs/k2', { version: '2.2' })).status, 204)
    const gone = { itemNotFound: { code: 404, message: 'Keypair k not found for user alice' } }
    assert.deepEqual((await api.ask('DELETE /v2.1/os-keypairs/k')).body, gone)
    assert.deepEqual((await api.ask('GET /v2.1/os-keypairs/k')).body, gone)
  }))

test('a generated SSH key fits its public half and is not kept', () =>
  withApi(async (api) => {
    const { status, body } = await create(api, { name: 'k' }, '2.91')
    assert.equal(status, 201)
    const { private_key, public_key } = body.keypair
    await inDirectory(async (directory) => {
      const file = join(directory, 'key')
      await writeFile(file, private_key, { mode: 0o600 })
      const { stdout } = await run('ssh-keygen', ['-y', '-f', file])
      assert.equal(`${stdout.trim()} Generated-by-Nova`, public_key)
    })
    assert.equal((await api.ask('GET /v2.1/os-keypairs/k')).body.keypair.private_key, undefined)
    const refused = await create(api, { name: 'k3' }, '2.92')
    assert.equal(refused.body.badRequest.message.split('. ').at(-1), "'public_key' is a required property")
  }))

test('a generated X.509 certificate fits its key and names the user', () =>
  withApi(async (api) => {
    const { body } = await create(api, { name: 'k', type: 'x509' }, '2.91')
    const certificate = new X509Certificate(body.keypair.public_key)
    assert.ok(certificate.checkPrivateKey(createPrivateKey(body.keypair.private_key)))
    assert.ok(certificate.verify(certificate.publicKey))
    assert.equal(certificate.subject, 'CN=alice')
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
    assert.equal(certificate.validTo, 'Nov 11 22:13:20 2033 GMT')
    assert.ok(certificate.raw.includes('alice@localhost'))
    assert.equal(body.keypair.fingerprint, certificate.fingerprint.toLowerCase())
    const imported = await create(api, { name: 'k2', type: 'x509', public_key: body.keypair.public_key })
    assert.equal(imported.body.keypair.fingerprint, x509Fingerprint(body.keypair.public_key))
    assert.equal((await create(api, { name: 'k3', type: 'x509', public_key: KEY })).status, 400)
  }))

test('wrong input is said to be so', () =>
  withApi(async (api) => {
    const wrong: [object, string, string][] = [
      [{ name: 'k', public_key: 'ssh-rsa zzz' }, '2.1', 'Keypair data is invalid: failed to generate fingerprint'],
      [{ name: 'a@b', public_key: KEY }, '2.91', 'Invalid input for field/attribute name. Value: a@b.'],
      [{ name: ' k', public_key: KEY }, '2.92', 'Invalid input for field/attribute name. Value:  k.'],
      [
        { name: 'k', public_key: KEY, type: 'ssh' },
        '2.1',
        "Additional properties are not allowed ('type' was unexpected)",
      ],
      [
        { name: 'k', public_key: KEY, user_id: 'bob' },
        '2.9',
        "Additional properties are not allowed ('user_id' was unexpected)",
      ],
    ]
    for (const [keypair, version, expected] of wrong) {
      const { status, body } = await create(api, keypair, version)
      assert.equal(status, 400)
      assert.ok(body.badRequest.message.includes(expected), body.badRequest.message)
    }
    assert.equal((await create(api, { name: 'me@home.', public_key: KEY }, '2.92')).status, 201)
    assert.equal((await api.ask('GET /v2.1/os-keypairs/me%40home.', { version: '2.92' })).status, 200)
  }))

test('a name is taken once per user, and no more than the quota', () =>
  withApi(async (api) => {
    await create(api, { name: 'a', public_key: KEY })
    const again = await create(api, { name: 'a', public_key: KEY })
    assert.deepEqual(again.body, { conflictingRequest: { code: 409, message: "Key pair 'a' already exists." } })
    await create(api, { name: 'b', public_key: KEY })
    const third = await create(api, { name: 'c', public_key: KEY })
    assert.deepEqual(third.body, { forbidden: { code: 403, message: 'Quota exceeded, too many key pairs.' } })
    const other = { as: 'bob', body: { keypair: { name: 'a', public_key: KEY } } } as const
    assert.equal((await api.ask('POST /v2.1/os-keypairs', other)).status, 200)
  }, '[compute]\nquota_key_pairs = 2'))

test('only admins touch the key pairs of others, from 2.10 on', () =>
  withApi(async (api) => {
    await create(api, { name: 'k', public_key: KEY })
    const path = '/v2.1/os-keypairs/k?user_id=alice'
    assert.equal((await api.ask(`GET ${path}`, { as: 'bob', version: '2.10' })).status, 403)
    assert.equal((await api.ask(`GET ${path}`, { as: 'admin', version: '2.9' })).status, 404)
    assert.equal((await api.ask(`GET ${path}`, { as: 'admin', version: '2.10' })).status, 200)
    const list = await api.ask('GET /v2.1/os-keypairs?user_id=alice', { as: 'admin', version: '2.10' })
    assert.equal(list.body.keypairs.length, 1)
    const body = { keypair: { name: 'k2', public_key: KEY, user_id: 'alice' } }
    assert.equal((await api.ask('POST /v2.1/os-keypairs', { as: 'bob', version: '2.10', body })).status, 403)
    assert.equal((await api.ask('POST /v2.1/os-keypairs', { as: 'admin', version: '2.10', body })).status, 201)
    assert.equal((await api.ask('GET /v2.1/os-keypairs/k2')).status, 200)
    assert.equal((await api.ask(`DELETE ${path}`, { as: 'bob', version: '2.10' })).status, 403)
    assert.equal((await api.ask(`DELETE ${path}`, { as: 'admin', version: '2.10' })).status, 204)
  }))

test('lists page by name from 2.35 on', () =>
  withApi(async (api) => {
    for (const name of ['c', 'a', 'b']) await create(api, { name, public_key: KEY })
    const names = ({ body }: { body: { keypairs: { keypair: { name: string } }[] } }) =>
      body.keypairs.map(({ keypair }) => keypair.name).join('')
    const first = await api.ask('GET /v2.1/os-keypairs?limit=2', { version: '2.35' })
    assert.equal(names(first), 'ab')
    const { href, rel } = first.body.keypairs_links[0]
    assert.equal(rel, 'next')
    const second = await api.ask(`GET ${href.split('/compute')[1]}`, { version: '2.35' })
    assert.equal(names(second), 'c')
    assert.equal(second.body.keypairs_links, undefined)
    assert.equal(names(await api.ask('GET /v2.1/os-keypairs?limit=2', { version: '2.34' })), 'abc')
    const unknown = await api.ask('GET /v2.1/os-keypairs?marker=x', { version: '2.35' })
    assert.equal(unknown.body.badRequest.message, 'Marker x could not be found.')
    assert.equal((await api.ask('GET /v2.1/os-keypairs?colour=red', { version: '2.75' })).status, 400)
  }))
