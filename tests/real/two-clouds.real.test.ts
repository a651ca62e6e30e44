// Two clouds on one machine, with the same addresses inside: neither sees nor touches the other.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { GuestShell } from './guest-shell.ts'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import {
  active,
  booted,
  createGroup,
  createKey,
  createServer,
  fixedAddress,
  removeServer,
  thingsOf,
} from './servers.ts'

interface Side {
  cloud: RealCloud
  things: Things
  id: string
  shell: GuestShell
}

/** The same in both: a subnet of the same range, a port with the same address on it. */
const ADDRESS = '10.55.0.55'

describe('two clouds on one machine', () => {
  let one: Side
  let two: Side
  const clouds: RealCloud[] = []
  const shells: GuestShell[] = []

  before(async () => {
    for (let count = 0; count < 2; count++) clouds.push(await RealCloud.start())
    const [first, second] = clouds as [RealCloud, RealCloud]
    one = await sideOf(first, 'one')
    two = await sideOf(second, 'two')
  })
  after(async () => {
    for (const shell of shells) await shell.close()
    for (const cloud of clouds) await cloud.remove()
  })

  async function networkOf({ demo }: RealCloud): Promise<string> {
    const post = (path: string, body: object) =>
      demo.ask<Record<string, { id: string }>>({ method: 'POST', path: `/network/v2.0/${path}`, body })
    const { network } = await post('networks', { network: { name: 'same' } })
    const network_id = network!.id
    await post('subnets', { subnet: { network_id, ip_version: 4, cidr: '10.55.0.0/24', gateway_ip: null } })
    return network_id
  }

  async function sideOf(cloud: RealCloud, name: string): Promise<Side> {
    const things = { ...(await thingsOf(cloud.demo)), network: await networkOf(cloud) }
    const keyFile = await createKey(cloud.demo, cloud.state.path, 'key')
    await createGroup(cloud.demo, 'ssh', [22])
    const nic = { networks: [{ uuid: things.network, fixed_ip: ADDRESS }] }
    const id = await createServer(cloud.demo, things, {
      name,
      key_name: 'key',
      security_groups: [{ name: 'ssh' }],
      ...nic,
    })
    assert.equal(fixedAddress(await active(cloud.demo, id)), ADDRESS)
    await booted(cloud.demo, id)
    const place = { directory: cloud.state.path, keyFile, networkId: things.network, address: ADDRESS }
    const shell = new GuestShell(place)
    shells.push(shell)
    await shell.open()
    return { cloud, things, id, shell }
  }

  const metadata = async ({ shell }: Side): Promise<{ uuid: string }> =>
    JSON.parse(await shell.run('timeout 10 wget -q -O - http://169.254.169.254/openstack/latest/meta_data.json'))

  it('give their guests the same address without confusing them', async () => {
    assert.equal(await one.shell.run('hostname'), 'one')
    assert.equal(await two.shell.run('hostname'), 'two')
    assert.equal((await metadata(one)).uuid, one.id)
    assert.equal((await metadata(two)).uuid, two.id)
  })

  it('list their own guests only, and audit nothing of the other', async () => {
    for (const { cloud, id } of [one, two]) {
      assert.equal(await cloud.virsh('list', '--all', '--uuid'), id)
      const { orphans, unchecked } = await cloud.audit()
      assert.deepEqual([orphans, unchecked], [[], []])
    }
  })

  it('go and come without a word to the other', async () => {
    await two.shell.close()
    await removeServer(two.cloud.demo, two.id)
    await two.cloud.stop()
    assert.equal(await one.shell.run('hostname'), 'one')
    assert.equal((await metadata(one)).uuid, one.id)
    await two.cloud.up()
    await two.cloud.ready()
    const id = await createServer(two.cloud.demo, two.things, {
      networks: [{ uuid: two.things.network, fixed_ip: ADDRESS }],
    })
    assert.equal(fixedAddress(await active(two.cloud.demo, id)), ADDRESS)
    await removeServer(two.cloud.demo, id)
    assert.equal(await one.shell.run('hostname'), 'one')
    assert.deepEqual((await one.cloud.audit()).orphans, [])
  })

  it('leave nothing of the one that is stopped empty', async () => {
    await two.cloud.stop()
    assert.deepEqual(await two.cloud.traces(), [])
    assert.equal(await one.shell.run('hostname'), 'one')
  })
})
