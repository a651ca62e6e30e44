// Servers that are deleted, and kept for a while all the same.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'

const status = (code: number) => (error: unknown) => isFault(error) && error.status === code

describe('with reclaim_instance_interval', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({
      config: '[compute]\nreclaim_instance_interval = 3600\nquota_instances = 1\n[fake]\nvcpus = 1\n',
    })
  })
  after(() => fake?.stop())

  const path = (id: string) => `/compute/v2.1/servers/${id}`
  const remove = (id: string) => fake.demo.ask({ method: 'DELETE', path: path(id) })
  const act = (id: string, action: string) =>
    fake.demo.ask({ method: 'POST', path: `${path(id)}/action`, body: { [action]: null } })
  const listed = async (query: string): Promise<string[]> => {
    const { servers } = await fake.demo.ask<{ servers: { id: string }[] }>({ path: `/compute/v2.1/servers${query}` })
    return servers.map(({ id }) => id)
  }
  const built = async (): Promise<string> => {
    const id = await createServer(fake)
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    return id
  }
  const putAway = async (id: string): Promise<void> => {
    await remove(id)
    assert.equal((await settledServer(fake, id)).status, 'SOFT_DELETED')
  }

  it('a deleted server is off, hidden from lists, outside the quota, and comes back', async () => {
    const id = await built()
    await putAway(id)
    assert.equal((await showServer(fake, id))['OS-EXT-STS:power_state'], 4)
    assert.deepEqual([await listed(''), await listed('?status=SOFT_DELETED')], [[], [id]])
    await remove(id) // once more changes nothing
    await assert.rejects(act(id, 'os-start'), status(409))
    const other = await built()
    await assert.rejects(act(id, 'restore'), status(403))
    await putAway(other)
    await act(id, 'restore')
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    await act(other, 'forceDelete')
    await goneServer(fake, other)
    await act(id, 'forceDelete')
    await goneServer(fake, id)
  })

  it('one that never ran goes at once', async () => {
    const id = await createServer(fake, { flavorRef: '5' }) // m1.xlarge, too large for the host
    assert.equal((await settledServer(fake, id)).status, 'ERROR')
    await remove(id)
    await goneServer(fake, id)
  })
})

it('a deleted server goes for good when its time is over', async () => {
  const fake = await startFakeCloud({ config: '[compute]\nreclaim_instance_interval = 1\n' })
  try {
    const id = await createServer(fake)
    await settledServer(fake, id)
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  } finally {
    await fake.stop()
  }
})
