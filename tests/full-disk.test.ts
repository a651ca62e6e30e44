// A cloud whose state directory has no room left: it says so, goes on reading, and goes on changing when there is room.
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { mayMount, onSmallDisk } from '@kilonova/base/testing-disk'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4vyZ7zqyLTaBmzcEBGm6jqbfHc2ZoyrwVD0cPLVWsB test'
const NO_ROOM = /The database has no room left: nothing can be changed until there is; what is there can be read\./
const CONFIG = '[image]\nreserved_space_mb = 0\n'

type Change = [method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object]

function changesOf({ image, flavor, network }: FakeCloud, server: string): Change[] {
  const wanted = { name: 'more', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }] }
  return [
    ['POST', '/compute/v2.1/os-keypairs', { keypair: { name: 'mine', type: 'ssh', public_key: KEY } }],
    ['POST', '/compute/v2.1/servers', { server: wanted }],
    ['POST', `/compute/v2.1/servers/${server}/action`, { 'os-stop': null }],
    ['DELETE', `/compute/v2.1/servers/${server}`],
    ['POST', '/image/v2/images', { name: 'more', disk_format: 'raw', container_format: 'bare' }],
    ['POST', '/network/v2.0/networks', { network: { name: 'more' } }],
  ]
}

const reads = ['/compute/v2.1/servers/detail', '/image/v2/images', '/network/v2.0/ports', '/identity/v3/auth/catalog']

it('trust-B1: on a full disk changes are refused with the reason, reads go on, and it recovers', mayMount, () =>
  onSmallDisk(48, async ({ directory, fill, free }) => {
    const fake = await startFakeCloud({ directory, config: CONFIG })
    let server: string
    try {
      const { demo } = fake
      server = await createServer(fake)
      assert.equal((await settledServer(fake, server)).status, 'ACTIVE')
      const about = { name: 'waiting', disk_format: 'raw', container_format: 'bare' }
      const { id } = await demo.ask<{ id: string }>({ method: 'POST', path: '/image/v2/images', body: about })
      const files = await readdir(join(directory, 'images'))
      const upload = async (): Promise<Response> =>
        fetch(`${demo.url}/image/v2/images/${id}/file`, {
          method: 'PUT',
          headers: { 'x-auth-token': await fake.token('demo'), 'content-type': 'application/octet-stream' },
          body: Buffer.alloc(1024 * 1024, 'x'),
        })
      const statusOf = async (): Promise<string> =>
        (await demo.ask<{ status: string }>({ path: `/image/v2/images/${id}` })).status

      await fill()
      for (const [method, path, body] of changesOf(fake, server)) {
        const reply = await demo.send({ method, path, body })
        assert.equal(reply.status, 507, `${method} ${path}`)
        assert.match(await reply.text(), NO_ROOM)
      }
      const refused = await upload()
      assert.equal(refused.status, 507)
      assert.match(await refused.text(), /room/)
      assert.equal(await statusOf(), 'queued')
      assert.deepEqual(await readdir(join(directory, 'images')), files)
      for (const path of reads) await demo.ask({ path })
      assert.ok(await fake.token('demo'))
      const running = await showServer(fake, server)
      assert.deepEqual([running.status, running['OS-EXT-STS:task_state']], ['ACTIVE', null])

      await free()
      assert.equal((await upload()).status, 204)
      assert.equal(await statusOf(), 'active')
      const [keypair, , stop] = changesOf(fake, server)
      for (const [method, path, body] of [keypair!, stop!]) await demo.ask({ method, path, body })
      assert.equal((await settledServer(fake, server)).status, 'SHUTOFF')
      assert.deepEqual((await audit(fake.cloud.parts)).orphans, [])
    } finally {
      await fake.stop()
    }
    const again = await startFakeCloud({ directory, config: CONFIG })
    assert.equal((await showServer(again, server)).status, 'SHUTOFF')
    await again.stop()
  }),
)
