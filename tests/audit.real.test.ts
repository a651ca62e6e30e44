// The leak audit on the real host: what it names is really there, and goes when its host compares itself with the records.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { adminContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import type { Cloud } from '@kilonova/cloud/all-in-one'
import { startCloud } from '@kilonova/cloud/all-in-one'
import { loadConfig } from '@kilonova/cloud/config'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import { StateDirectory } from '@kilonova/cloud/state-directory'
import type { ComputeAgent } from '@kilonova/compute/agent/protocol'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import { makeGuest, makeImage } from '@kilonova/compute/agent/testing'
import type { HostMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'

const uuid = (): string => systemRandom.uuid()
const isRoot = process.getuid?.() === 0

describe('the leak audit on the real host', { skip: isRoot ? false : 'it makes devices, which takes root' }, () => {
  let cloud: Cloud
  let state: StateDirectory
  before(async () => {
    state = new StateDirectory(await mkdtemp(join(tmpdir(), 'kn-')))
    const config = await loadConfig(undefined, state.configFile)
    const how = { host: '127.0.0.1', port: 0, driver: 'libvirt', fakeHosts: 1, memory: false } as const
    cloud = await startCloud({ state, config, ...how })
    await cloud.hosts.reported
  })
  after(async () => {
    await cloud?.stop()
    await rm(state.path, { recursive: true, force: true })
  })

  const host = () => cloud.identity.host
  const agent = () => cloud.parts.bus.remote<ComputeAgent>(computeTopic(host()))
  const found = async (): Promise<string[]> =>
    (await audit(cloud.parts)).orphans.map(({ kind, id }) => `${kind} ${id}`).toSorted()

  it('finds nothing in a new cloud', async () => {
    const report = await audit(cloud.parts)
    assert.deepEqual([report.orphans, report.unchecked], [[], []])
  })

  it('finds domains, disks and files of images that nobody owns', async () => {
    const { client, api } = cloud.parts.image
    const about = { name: 'blank', disk_format: 'raw', container_format: 'bare' }
    const image = await client.create(adminContext(), about)
    await client.upload(adminContext(), image.id, Readable.from([Buffer.alloc(1024 ** 2)]))
    const guest = makeGuest({ image: makeImage({ id: image.id, size: 1024 ** 2 }) })
    await agent().prepareImage(guest.image!)
    await agent().define({ ...guest, disks: await agent().createDisks(guest) })
    await mkdir(join(state.path, 'instances', 'left'))
    const stray = `${uuid()}.0123abcd`
    await writeFile(api.deps.files.path(stray), 'data')
    const expected = [`domain ${guest.id}`, `image-file ${stray}`, `instance-files ${guest.id}`, 'instance-files left']
    assert.deepEqual(await found(), expected.toSorted())
    await agent().destroyGuest(guest)
    await agent().deleteFiles(guest)
    await rm(join(state.path, 'instances', 'left'), { recursive: true })
    await rm(api.deps.files.path(stray))
    assert.deepEqual(await found(), [])
  })

  it('finds devices, namespaces, filters and leases that no network wants', async () => {
    const { tag } = cloud.identity
    const [port, network, router] = [uuid(), uuid(), uuid()]
    const tap = `tap${port.slice(0, 11)}`
    const bridge = `brq${network.slice(0, 11)}`
    const namespace = `kn-router-${router}`
    const leases = join(state.network, 'dhcp', network)
    await run('ip', ['tuntap', 'add', 'dev', tap, 'mode', 'tap'])
    await run('ip', ['link', 'set', 'dev', tap, 'alias', `kilonova:${tag}:port:${port}`])
    await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    await run('ip', ['link', 'set', 'dev', bridge, 'alias', `kilonova:${tag}:network:${network}`])
    await run('ip', ['netns', 'add', namespace])
    await run('ip', ['-n', namespace, 'link', 'set', 'dev', 'lo', 'alias', `kilonova:${tag}:router:${router}`])
    await run('nft', ['add', 'chain', 'inet', `kn_${tag}`, `egress-${port}`])
    await mkdir(leases, { recursive: true })
    await writeFile(join(leases, 'leases'), '')
    const expected = [
      `bridge ${bridge}`,
      `lease-file ${join(leases, 'leases')}`,
      `namespace ${namespace}`,
      `nft-chain egress-${port}`,
      `tap ${tap}`,
    ]
    assert.deepEqual(await found(), expected.toSorted())
    await cloud.parts.bus.remote<HostMethods>(networkTopic(host())).reconcile(undefined)
    assert.deepEqual(await found(), [])
  })
})
