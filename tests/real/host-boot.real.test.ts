// A machine that boots, as far as a test can have it: no process, tap, bridge, namespace or filter of the cloud is left,
// and the kernel names another boot than the one that is noted.
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { removeTraces } from './host-traces.ts'
import { RealCloud } from './real-cloud.ts'
import { act, active, booted, consoleOf, createServer, removeServer, settled, thingsOf } from './servers.ts'

const CONFIG = '[compute]\nvirt_type = "qemu"\nshutdown_timeout = 5\nresume_guests_state_on_host_boot = true\n'

describe('a machine that boots', () => {
  let cloud: RealCloud
  let ran: string
  let stopped: string
  before(async () => {
    cloud = await RealCloud.start({ config: CONFIG })
    const things = await thingsOf(cloud.demo)
    ran = await createServer(cloud.demo, things, { name: 'ran' })
    stopped = await createServer(cloud.demo, things, { name: 'stopped' })
    for (const id of [ran, stopped]) await active(cloud.demo, id)
    await booted(cloud.demo, ran)
    await act(cloud.demo, stopped, { 'os-stop': null })
    await settled(cloud.demo, stopped)
    await cloud.kill()
    const { tag } = await cloud.state.identity()
    await removeTraces({ directory: cloud.state.path, tag })
    assert.deepEqual(await cloud.traces(), [])
    await writeFile(cloud.state.bootId, `${systemRandom.uuid()}\n`)
    await cloud.up()
    await cloud.ready()
  })
  after(() => cloud?.remove())

  it('starts the guest that ran, with its network and its metadata, and leaves the other off', async () => {
    const output = await booted(cloud.demo, ran, 2)
    const [first, second] = output.split('\n').filter((line) => line.includes('kilonova-tiny ready:'))
    assert.equal(second, first) // the name and the id are the metadata's, the address is DHCP's
    assert.equal((await active(cloud.demo, ran)).status, 'ACTIVE')
    assert.equal((await settled(cloud.demo, stopped))!.status, 'SHUTOFF')
    assert.deepEqual((await cloud.audit()).orphans, [])
  })

  it('is not taken for one that boots when its agent alone starts again', async () => {
    await cloud.stop()
    await cloud.up()
    await cloud.ready()
    assert.equal((await settled(cloud.demo, ran))!.status, 'ACTIVE')
    assert.equal((await consoleOf(cloud.demo, ran)).split('kilonova-tiny ready:').length - 1, 2)
    for (const id of [ran, stopped]) await removeServer(cloud.demo, id)
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})
