// Debian's `openstack` client evacuates a server, in a cloud of fake hosts that is a process of its own.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import { RealCloud } from '../real/real-cloud.ts'
import { OpenStackSession } from './openstack-session.ts'

let cloud: RealCloud
let admin: OpenStackSession
let demo: OpenStackSession
before(async () => {
  cloud = await RealCloud.start({ driver: 'fake', fakeHosts: 2, config: '' })
  admin = await OpenStackSession.start(cloud, 'admin', { OS_COMPUTE_API_VERSION: '2.72' })
  demo = await OpenStackSession.start(cloud, 'demo')
})
after(async () => {
  await admin?.close()
  await demo?.close()
  await cloud?.remove()
})

it('openstack server evacuate brings a server to another host', async () => {
  await demo.run('server create --flavor m1.nano --image kilonova-tiny --network private --wait one')
  const { id, 'OS-EXT-SRV-ATTR:host': host } = await admin.json(
    `server show ${(await demo.json('server show one'))['id']}`,
  )
  assert.match(await admin.refusal(`server evacuate ${id}`), /Compute service of fake-\d is still in use/)
  await admin.run(`compute service set --down ${host} nova-compute`)
  // Debian 12's client trips over the answer, whatever it is, once it has sent the request.
  const { stderr } = await admin.say(`server evacuate ${id}`)
  assert.match(stderr.trim(), /^$|'TupleWithMeta' object has no attribute/)
  const moved = await until(60, async () => {
    const now = await admin.json(`server show ${id}`)
    return now['status'] === 'ACTIVE' && now['OS-EXT-SRV-ATTR:host'] !== host ? true : undefined
  })
  assert.equal(moved, true)
})
