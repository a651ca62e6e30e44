// Every versioned notification that a cloud can send, held against Nova's samples; and which of Nova's it never sends.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { makeContext, withContext } from '@kilonova/base/context'
import { noticeOf, notices } from '@kilonova/compute/notifications/notices'
import type { Phase } from '@kilonova/compute/notifications/server-notice'
import { tellOfServer } from '@kilonova/compute/notifications/server-notice'
import type { FakeCloud } from './fake-cloud.ts'
import { addImage, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import { Ears } from './notification-ears.ts'
import { sampleEvents, shapes } from './notification-shapes.ts'
import { shapeProblems } from './shape-check.ts'

const SHARES = 'there are no shares: Manila is no part of the cloud'
const SPEC = 'it carries the whole request spec with the record of the image, which the scheduler is not given'

/** Events of the samples that are never sent, and why. */
const NEVER: Record<string, string> = {
  'instance.share_attach.start': SHARES,
  'instance.share_attach.end': SHARES,
  'instance.share_attach.error': SHARES,
  'instance.share_detach.start': SHARES,
  'instance.share_detach.end': SHARES,
  'instance.share_detach.error': SHARES,
  'scheduler.select_destinations.start': SPEC,
  'scheduler.select_destinations.end': SPEC,
  'compute_task.migrate_server.error': 'a move that finds no host is told as compute.exception',
  'libvirt.connect.error': 'hosts hold no database: what a host cannot do is told by its health and its log',
  'metrics.update': 'hosts measure no metrics for the scheduler',
  'volume.usage': 'the usage of volumes is not polled',
}

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4vyZ7zqyLTaBmzcEBGm6jqbfHc2ZoyrwVD0cPLVWsB test'
const failure = { code: 'NoValidHost', status: 500, message: 'No valid host was found.' }

describe('versioned notifications', () => {
  let fake: FakeCloud
  let ears: Ears
  let server: string

  before(async () => {
    const config =
      '[compute]\nreport_interval = 1\nquota_cores = -1\n[notifications]\ndriver = ["messaging"]\nnotification_format = "versioned"\n' +
      'notify_on_state_change = "vm_and_task_state"\n'
    fake = await startFakeCloud({ config })
    ears = await Ears.on(fake)
    await workOnServers()
    await tellOfEachWork()
    await changeOtherThings()
  })
  after(async () => {
    await ears?.close()
    await fake?.stop()
  })

  const ask = <T = unknown>(method: 'POST' | 'PUT' | 'DELETE' | 'GET', path: string, body?: unknown): Promise<T> =>
    fake.admin.ask<T>({ method, path: `/compute/v2.1${path}`, ...(body === undefined ? {} : { body }) })

  async function workOnServers(): Promise<void> {
    const old = { 'openstack-api-version': 'compute 2.91' } // the last one that makes keys
    const keypair = { name: 'made', type: 'ssh' }
    await fake.admin.ask({ method: 'POST', path: '/compute/v2.1/os-keypairs', body: { keypair }, headers: old })
    await ask('POST', '/os-keypairs', { keypair: { name: 'given', type: 'ssh', public_key: KEY } })
    const group = await ask<{ server_group: { id: string } }>('POST', '/os-server-groups', {
      server_group: { name: 'g', policy: 'anti-affinity', rules: { max_server_per_host: 3 } },
    })
    const parts = { key_name: 'given', description: 'described', tags: ['one'], metadata: { a: 'b' } }
    const as = { ...fake, demo: fake.admin }
    const body = { server: { name: 'x', imageRef: fake.image, flavorRef: fake.flavor, networks: 'auto', ...parts } }
    const made = await ask<{ server: { id: string } }>('POST', '/servers', {
      ...body,
      'os:scheduler_hints': { group: group.server_group.id },
    })
    server = made.server.id
    await settledServer(as, server)
    const foreign = await addImage(fake, { hw_architecture: 'aarch64' })
    await ask('POST', `/servers/${server}/action`, { rebuild: { imageRef: foreign } })
    await ears.hear('compute_task.rebuild_server.error')
    await settledServer(as, server)
    await ask('PUT', `/servers/${server}`, { server: { name: 'renamed' } })
    const huge = await ask<{ flavor: { id: string } }>('POST', '/flavors', {
      flavor: { name: 'huge', ram: 64, vcpus: 4096, disk: 1 },
    })
    await ask('POST', '/servers', { server: { ...body.server, flavorRef: huge.flavor.id } }).catch(() => undefined)
    await ask('DELETE', `/os-server-groups/${group.server_group.id}`)
    await ask('DELETE', '/os-keypairs/given')
    await ears.hear('keypair.delete.end')
    await ears.hear('server_group.delete')
    await ears.hear('compute_task.build_instances.error')
  }

  /** Whatever tells it: tasks of the conductor for most. */
  async function tellOfEachWork(): Promise<void> {
    const { compute } = fake.cloud.parts
    const context = makeContext({ userId: 'admin', projectId: fake.admin.projectId })
    const tell = (name: keyof typeof notices, phase: Phase | undefined) =>
      withContext(context, () =>
        compute.store.transaction(() =>
          tellOfServer(compute, {
            ...{ name, serverId: server, ...(phase ? { phase } : {}), ...(phase === 'error' ? { failure } : {}) },
            details: { volumeId: 'v', newVolumeId: 'w', rescueImageId: fake.image, snapshotImageId: fake.image },
          }),
        ),
      )
    for (const name of Object.keys(notices) as (keyof typeof notices)[]) {
      for (const phase of noticeOf(name).once ? [undefined] : (['start', 'end', 'error'] as const)) {
        await tell(name, phase)
        const failsAlone = phase === 'error' && !noticeOf(name).error
        await ears.hear(failsAlone ? 'compute.exception' : `instance.${name}${phase ? `.${phase}` : ''}`)
      }
    }
  }

  async function changeOtherThings(): Promise<void> {
    const { aggregate } = await ask<{ aggregate: { id: number } }>('POST', '/os-aggregates', {
      aggregate: { name: 'a', availability_zone: 'nova' },
    })
    const one = `/os-aggregates/${aggregate.id}`
    const { services } = await ask<{ services: { id: string; host: string; binary: string }[] }>('GET', '/os-services')
    const host = services.find(({ binary }) => binary === 'nova-compute')!.host
    await ask('POST', `${one}/action`, { add_host: { host } })
    await ask('PUT', one, { aggregate: { name: 'b' } })
    await ask('POST', `${one}/action`, { set_metadata: { metadata: { k: 'v' } } })
    await ask('POST', `${one}/images`, { cache: [{ id: fake.image }] })
    await ears.hear('aggregate.cache_images.end')
    await ask('POST', `${one}/action`, { remove_host: { host } })
    await ask('DELETE', one)
    const { flavor } = await ask<{ flavor: { id: string } }>('POST', '/flavors', {
      flavor: { name: 'f', ram: 64, vcpus: 1, disk: 1, 'os-flavor-access:is_public': false },
    })
    await ask('POST', `/flavors/${flavor.id}/os-extra_specs`, { extra_specs: { 'hw:cpu_policy': 'shared' } })
    await ask('POST', `/flavors/${flavor.id}/action`, { addTenantAccess: { tenant: fake.demo.projectId } })
    await ask('DELETE', `/flavors/${flavor.id}`)
    await ask('PUT', `/os-services/${services.find(({ binary }) => binary === 'nova-compute')!.id}`, {
      status: 'disabled',
    })
    await ask('DELETE', `/os-services/${services.find(({ binary }) => binary === 'nova-scheduler')!.id}`)
    await ears.hear('service.create') // it reports again
    await ears.hear('flavor.delete')
  }

  it('seed-8.5.4-5: each is sent and has the shape of its sample', () => {
    const heard = Object.groupBy(ears.all, ({ event_type }) => event_type)
    assert.deepEqual(
      Object.keys(sampleEvents).filter((event) => !(event in heard) && !(event in NEVER)),
      [],
      'sent, or named with why not',
    )
    assert.deepEqual(
      Object.keys(heard).filter((event) => !(event in sampleEvents) || event in NEVER),
      [],
      'of the samples, and not named as never sent',
    )
    for (const { event_type, payload, priority, publisher_id } of ears.all) {
      const [name, wanted, publishers] = sampleEvents[event_type]!
      const [service] = publisher_id.split(':')
      assert.deepEqual(shapeProblems(payload), [], `${event_type}: ${JSON.stringify(payload)}`)
      assert.equal(payload['nova_object.name'], name)
      assert.equal(priority, wanted, event_type)
      if (!event_type.startsWith('instance.') && !event_type.startsWith('service.'))
        assert.ok(
          publishers.split('|').includes(service!) || event_type === 'compute.exception',
          `${event_type}: ${service}`,
        )
    }
  })

  it('seed-8.5.4-5: an update has the shape of its sample', () => {
    const updates = ears.of(server, 'instance.update')
    assert.ok(updates.length > 5)
    for (const { payload } of updates) assert.deepEqual(shapeProblems(payload), [])
    const { 'nova_object.data': data, ...object } = updates.at(-1)!.payload
    assert.deepEqual(object, {
      'nova_object.name': 'InstanceUpdatePayload',
      'nova_object.namespace': 'nova',
      'nova_object.version': '2.1',
    })
    assert.equal(data.old_display_name, 'x')
  })

  it('differ from the samples where they are spoilt', () => {
    const { payload } = ears.of(server, 'instance.update')[0]!
    const spoilt = structuredClone(payload)
    delete spoilt['nova_object.data'].node
    spoilt['nova_object.data'].progress = 'half'
    spoilt['nova_object.data'].flavor['nova_object.version'] = '1.0'
    spoilt['nova_object.data'].extra = 1
    assert.equal(shapeProblems(spoilt).length, 4)
    assert.ok(Object.keys(shapes).length > 30)
  })

  it('end with the server', async () => {
    await ask('DELETE', `/servers/${server}`)
    await goneServer({ demo: fake.admin }, server)
    const end = await ears.hear('instance.delete.end', server)
    assert.ok(end)
  })
})
