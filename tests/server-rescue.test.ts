// Rescue, unrescue and rebuild as users see them in a whole cloud on fake hosts, and deletes in the midst of them.
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { adminContext } from '@kilonova/base/context'
import { isFault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { addImage, createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { deleteAtEveryPlace } from './interrupted.ts'
import { assertWhole } from './server-oracle.ts'
import { ServerWorld } from './server-world.ts'

const refused = (code: number, sentence: string) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.deepEqual([error.status, error.message], [code, sentence])
  return true
}

const MISSING = '11111111-2222-4333-8444-555555555555'

interface Rebuilt extends ShownServer {
  adminPass: string
  name: string
  description: string | null
  metadata: Record<string, string>
  key_name: string | null
  user_data: string | null
  image: { id: string }
  accessIPv4: string
  trusted_image_certificates: string[] | null
  'OS-EXT-SRV-ATTR:hostname': string
}

describe('a server', () => {
  let fake: FakeCloud
  let other: string
  let id: string
  before(async () => {
    fake = await startFakeCloud({ config: '[compute]\nquota_instances = 100\nquota_cores = 100\n' })
    other = await addImage(fake)
  })
  beforeEach(async () => {
    id = await createServer(fake)
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
  })
  after(() => fake?.stop())

  async function emptyImage(): Promise<string> {
    const about = { name: 'empty', visibility: 'public', disk_format: 'raw', container_format: 'bare' } as const
    const { client } = fake.cloud.parts.image
    return (await client.create(adminContext(), { ...about, min_disk: 0, min_ram: 0 })).id
  }

  const ask = <T>(
    body: unknown,
    { version = '2.96', client = fake.demo }: { version?: string; client?: ApiClient } = {},
  ) =>
    client.ask<T>({
      method: 'POST',
      path: `/compute/v2.1/servers/${id}/action`,
      body,
      headers: { 'openstack-api-version': `compute ${version}` },
    })
  const rescue = (argument: object | null = null) => ask<{ adminPass: string }>({ rescue: argument })
  const rebuild = async (parts: object = {}, version?: string) =>
    (await ask<{ server: Rebuilt }>({ rebuild: { imageRef: other, ...parts } }, version ? { version } : {})).server
  const settled = async () => (await settledServer(fake, id)) as Rebuilt
  const newest = async (): Promise<string[]> => {
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.admin.ask<{ instanceActions: { request_id: string }[] }>({ path })
    const { instanceAction } = await fake.admin.ask<{
      instanceAction: { action: string; events: { event: string; result: string; start_time: string }[] }
    }>({ path: `${path}/${instanceActions[0]!.request_id}` })
    return [instanceAction.action, ...instanceAction.events.map(({ event, result }) => `${event} ${result}`).toSorted()]
  }
  const cannot = (action: string, state: string) =>
    refused(409, `Cannot '${action}' instance ${id} while it is in vm_state ${state}`)

  it('is rescued with the password asked for, and boots from its own disks again', async () => {
    assert.deepEqual(await rescue({ adminPass: 'secret', rescue_image_ref: other }), { adminPass: 'secret' })
    const rescued = await settled()
    assert.deepEqual([rescued.status, rescued['OS-EXT-STS:power_state']], ['RESCUE', 1])
    assert.deepEqual(await newest(), ['rescue', 'compute_rescue_instance Success'])
    await assert.rejects(rescue(), cannot('rescue', 'rescued'))
    await assert.rejects(ask({ reboot: { type: 'HARD' } }), cannot('reboot', 'rescued'))
    await assert.rejects(rebuild(), cannot('rebuild', 'rescued'))
    await ask({ unrescue: null })
    assert.equal((await settled()).status, 'ACTIVE')
    assert.deepEqual(await newest(), ['unrescue', 'compute_unrescue_instance Success'])
    await assert.rejects(ask({ unrescue: null }), cannot('unrescue', 'active'))
  })

  it('is rescued with its own image when none is named, also while it is off, and gets a password', async () => {
    await ask({ 'os-stop': null })
    assert.equal((await settled()).status, 'SHUTOFF')
    assert.match((await rescue()).adminPass, /^[A-Za-z0-9]{12}$/)
    assert.equal((await settled()).status, 'RESCUE')
    await ask({ unrescue: null })
    assert.equal((await settled()).status, 'ACTIVE')
  })

  it('is not rescued with an image that is missing, empty or no id', async () => {
    const empty = await emptyImage()
    for (const image of [MISSING, empty]) {
      const sentence = `Requested rescue image '${image}' is not supported`
      await assert.rejects(rescue({ rescue_image_ref: image }), refused(400, sentence))
    }
    await assert.rejects(rescue({ rescue_image_ref: 'none' }), (error) => isFault(error) && error.status === 400)
    await assert.rejects(rescue({ image: other }), (error) => isFault(error) && error.status === 400)
    assert.equal((await showServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual(await newest(), ['create', 'compute__do_build_and_run_instance Success'])
  })

  it('goes on when its host cannot make it what the rescue image says', async () => {
    const tape = await addImage(fake, { hw_rescue_device: 'tape' })
    await rescue({ rescue_image_ref: tape })
    const shown = await settled()
    assert.deepEqual([shown.status, shown['OS-EXT-STS:power_state'], shown.fault], ['ACTIVE', 1, undefined])
    assert.deepEqual(await newest(), ['rescue', 'compute_rescue_instance Error'])
  })

  it('that is locked is neither rescued nor rebuilt', async () => {
    await ask({ lock: null })
    await assert.rejects(rescue(), refused(409, `Instance ${id} is locked`))
    await assert.rejects(rebuild(), refused(409, `Instance ${id} is locked`))
    await ask({ rescue: null }, { client: fake.admin })
    assert.equal((await settled()).status, 'RESCUE')
    await assert.rejects(ask({ unrescue: null }), refused(409, `Instance ${id} is locked`))
  })

  it('with a virtual TPM is neither rescued nor rebuilt', async () => {
    const sealed = await addImage(fake, { hw_tpm_version: '2.0' })
    await rebuild({ imageRef: sealed })
    await settled()
    const said = (operation: string) => `Operation '${operation}' not supported for vTPM-enabled instance (${id}).`
    await assert.rejects(rescue(), refused(400, said('rescue')))
    await assert.rejects(rebuild(), refused(400, said('rebuild')))
  })

  it('is rebuilt with all that may change, and keeps the rest', async () => {
    await fake.demo.ask({
      ...{ method: 'POST', path: '/compute/v2.1/os-keypairs', body: { keypair: { name: `key-${id}` } } },
      headers: { 'openstack-api-version': 'compute 2.91' }, // the cloud makes the key
    })
    const before = await settled()
    const wanted = {
      ...{
        name: 'anew',
        description: 'again',
        metadata: { a: 'b' },
        adminPass: 'secret',
        hostname: 'anew.example.com',
      },
      ...{ key_name: `key-${id}`, user_data: 'dGVzdA==', accessIPv4: '192.0.2.7', preserve_ephemeral: true },
    }
    const reply = await rebuild(wanted)
    assert.deepEqual([reply.status, reply.adminPass, reply.user_data], ['REBUILD', 'secret', 'dGVzdA=='])
    const shown = await settled()
    for (const server of [reply, shown]) {
      const { name, description, metadata, image, key_name, accessIPv4, 'OS-EXT-SRV-ATTR:hostname': hostname } = server
      assert.deepEqual(
        { name, description, metadata, key_name, accessIPv4, hostname },
        {
          ...{ name: 'anew', description: 'again', metadata: { a: 'b' }, key_name: `key-${id}` },
          ...{ accessIPv4: '192.0.2.7', hostname: 'anew.example.com' },
        },
      )
      assert.equal(image.id, other)
      assert.deepEqual([server.id, server.addresses], [id, before.addresses])
    }
    assert.equal(shown.status, 'ACTIVE')
    const events = ['compute_rebuild_instance Success', 'rebuild_server Success']
    assert.deepEqual(await newest(), ['rebuild', ...events])
    await rebuild({ key_name: null, description: null })
    const without = await settled()
    assert.deepEqual([without.key_name, without.description, without.name], [null, null, 'anew'])
  })

  it('that is off is off again after its rebuild', async () => {
    await ask({ 'os-stop': null })
    await settled()
    await rebuild()
    const { status, 'OS-EXT-STS:power_state': power } = await settled()
    assert.deepEqual([status, power], ['SHUTOFF', 4])
  })

  it('is not rebuilt from what is missing or does not fit, and nothing changes', async () => {
    const large = await addImage(fake, {}, { min_ram: 100_000 })
    const empty = await emptyImage()
    const name = 'changed'
    const refusals: [object, number, string][] = [
      [{ imageRef: MISSING, name }, 400, `Can not find requested image ${MISSING}.`],
      [{ imageRef: empty, name }, 400, `Image ${empty} is not active: it is queued.`],
      [{ imageRef: large, name }, 400, "Flavor's memory is too small for requested image."],
      [{ key_name: 'none', name }, 400, "Invalid key_name provided: no key pair 'none'."],
      [
        { metadata: Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`k${i}`, 'v'])), name },
        403,
        'Maximum number of metadata items exceeds 128',
      ],
    ]
    for (const [parts, code, sentence] of refusals) await assert.rejects(rebuild(parts), refused(code, sentence))
    const { status, name: still } = await settled()
    assert.deepEqual([status, still], ['ACTIVE', 'test'])
    assert.deepEqual(await newest(), ['create', 'compute__do_build_and_run_instance Success'])
  })

  it('that its host cannot run from the new image stays as it was', async () => {
    const foreign = await addImage(fake, { hw_architecture: 'aarch64' })
    const reply = await rebuild({ imageRef: foreign, name: 'changed', hostname: 'changed' })
    assert.equal(reply.image.id, foreign)
    const { status, name, image, fault, 'OS-EXT-SRV-ATTR:hostname': hostname } = await settled()
    assert.deepEqual([status, name, image.id, hostname, fault], ['ACTIVE', 'test', fake.image, 'test', undefined])
    assert.deepEqual(await newest(), ['rebuild', 'rebuild_server Error'])
  })

  it('takes the fields of each version, and shows what that version shows', async () => {
    const young: [string, object][] = [
      ['2.18', { description: 'x' }],
      ['2.53', { key_name: null }],
      ['2.56', { user_data: null }],
      ['2.62', { trusted_image_certificates: null }],
      ['2.89', { hostname: 'young' }],
      ['2.93', { hostname: 'young.example.com' }],
      ['2.57', { personality: [] }],
    ]
    for (const [version, parts] of young)
      await assert.rejects(rebuild(parts, version), (error) => isFault(error) && error.status === 400, version)
    const files = [{ path: '/etc/motd', contents: 'aGVsbG8=' }]
    const old = (await rebuild({ personality: files }, '2.1')) as unknown as Record<string, unknown>
    const hidden = ['OS-EXT-STS:vm_state', 'OS-EXT-AZ:availability_zone', 'key_name', 'user_data', 'locked', 'tags']
    assert.deepEqual(
      hidden.filter((field) => field in old),
      [],
    )
    const [listed] = Object.values(old['addresses'] as Record<string, object[]>)
    assert.deepEqual(Object.keys(listed![0]!), ['addr', 'version'])
    await settled()
    const shown = (await rebuild({ trusted_image_certificates: ['one'] }, '2.63')) as unknown as Record<string, unknown>
    assert.deepEqual(shown['trusted_image_certificates'], ['one'])
    assert.ok('key_name' in shown && 'user_data' in shown && !('OS-EXT-STS:vm_state' in shown))
    await settled()
  })

  it('takes as many files as the quota has room for, of the sizes it allows', async () => {
    const file = { path: '/a', contents: 'YQ==' }
    const withFiles = (personality: object[]) => rebuild({ personality }, '2.56')
    await assert.rejects(
      withFiles(Array.from({ length: 6 }, () => file)),
      refused(403, 'Personality file limit exceeded'),
    )
    await assert.rejects(
      withFiles([{ ...file, path: 'p'.repeat(256) }]),
      refused(403, 'Personality file path exceeds maximum 255'),
    )
    await assert.rejects(
      withFiles([{ ...file, contents: Buffer.alloc(10_241).toString('base64') }]),
      refused(403, 'Personality file content exceeds maximum 10240'),
    )
  })

  it('that is rescued is deleted', async () => {
    await rescue()
    await settled()
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  })
})

describe('with enable_instance_password off and an image to rescue with', () => {
  it('no password is answered', async () => {
    const config = `[compute]\nenable_instance_password = false\nrescue_image_id = "${MISSING}"\n`
    const fake = await startFakeCloud({ config })
    try {
      const id = await createServer(fake)
      await settledServer(fake, id)
      const act = (body: object) =>
        fake.demo.ask<object>({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })
      const rebuilt = (await act({ rebuild: { imageRef: fake.image } })) as { server: object }
      assert.equal('adminPass' in rebuilt.server, false)
      await settledServer(fake, id)
      const sentence = `Requested rescue image '${MISSING}' is not supported`
      await assert.rejects(act({ rescue: null }), refused(400, sentence))
      assert.deepEqual(await act({ rescue: { rescue_image_ref: fake.image } }), {})
    } finally {
      await fake.stop()
    }
  })
})

const worlds: ServerWorld[] = []
after(() => Promise.all(worlds.map((world) => world.close())))

describe('a delete', () => {
  for (const task of ['server.rescue', 'server.unrescue', 'server.rebuild']) {
    it(`while a ${task} is at any step, or is undone, or its process died there, ends gone`, async () => {
      const world = await ServerWorld.open()
      worlds.push(world)
      await deleteAtEveryPlace(world, task)
    })
  }
})

describe('a rescue of an hour', () => {
  it('ends by itself when it may last no longer', async () => {
    const world = await ServerWorld.open({ config: '[compute]\nrescue_timeout = 3600\n' })
    worlds.push(world)
    await world.startTasks()
    const id = await world.build()
    await world.commands.rescue(id)
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'rescued')
    await world.run(world.clock.sleep(3_500_000))
    assert.equal((await world.row(id)).vm_state, 'rescued')
    await world.run(world.clock.sleep(300_000))
    await world.run(world.settled(id))
    assert.equal((await world.row(id)).vm_state, 'active')
    await assertWhole(world)
  })
})
