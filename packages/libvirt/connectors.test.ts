// The ways to a daemon on another host, tried against one on this.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { LibvirtConnection } from './connection.ts'
import { connect } from './procedures/connect.ts'
import { programStream, sshHelper } from './ssh-helper.ts'
import { daemonFor } from './testing.ts'
import { tlsSocket } from './tls-socket.ts'

const run = promisify(execFile)

/** An authority and one certificate of its, for both sides. */
async function makePki(pki: string): Promise<void> {
  const at = (name: string) => join(pki, name)
  const openssl = (...args: string[]) => run('openssl', args)
  const key = (name: string) => ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(name)]
  await openssl(
    'req',
    '-x509',
    ...key('cakey.pem'),
    '-out',
    at('cacert.pem'),
    '-subj',
    '/CN=test authority',
    '-days',
    '2',
  )
  await writeFile(
    at('names'),
    'subjectAltName = DNS:localhost, IP:127.0.0.1\nextendedKeyUsage = serverAuth, clientAuth\n',
  )
  for (const side of ['server', 'client']) {
    const request = at(`${side}.csr`)
    await openssl('req', ...key(`${side}key.pem`), '-out', request, '-subj', '/CN=localhost')
    const by = ['-CA', at('cacert.pem'), '-CAkey', at('cakey.pem'), '-CAcreateserial', '-extfile', at('names')]
    await openssl('x509', '-req', '-in', request, ...by, '-out', at(`${side}cert.pem`), '-days', '2')
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('TLS', { timeout: 300_000 }, async (t) => {
  const pki = await mkdtemp('/tmp/libvirt-test-')
  t.after(() => rm(pki, { recursive: true, force: true }))
  await makePki(pki)
  const port = await freePort()
  await daemonFor(t, { tls: { address: '127.0.0.1', port, pki } })
  const connection = await LibvirtConnection.open({ connect: tlsSocket('localhost', { port, pki }) })
  assert.equal(await connection.call(connect.getType), 'QEMU')
  assert.equal(await connection.call(connect.isSecure), true)
  await connection.close()

  const stranger = await mkdtemp('/tmp/libvirt-test-')
  t.after(() => rm(stranger, { recursive: true, force: true }))
  await makePki(stranger)
  await assert.rejects(
    LibvirtConnection.open({ connect: tlsSocket('localhost', { port, pki: stranger }) }),
    /cannot connect/,
  )
})

test("libvirt's helper, as ssh would run it", { timeout: 300_000 }, async (t) => {
  const daemon = await daemonFor(t)
  const inside = ['-t', String(daemon.pid), '-m', 'virt-ssh-helper', 'qemu:///system']
  const connection = await LibvirtConnection.open({ connect: () => programStream('nsenter', inside) })
  assert.equal(await connection.call(connect.getType), 'QEMU')
  await connection.close()
})

test('what ssh says is in the error', { timeout: 300_000 }, async () => {
  const host = sshHelper('127.0.0.1', { port: await freePort() })
  await assert.rejects(LibvirtConnection.open({ connect: host }), /refused/)
  await assert.rejects(LibvirtConnection.open({ connect: () => programStream('/no/such', []) }), /ENOENT/)
})
