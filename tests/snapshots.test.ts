// Images of servers: snapshots and backups, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { open, readdir, readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { adminContext } from '@kilonova/base/context'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import { tables } from '@kilonova/compute/compute'
import { explainServer } from '@kilonova/compute/explain/explain-server'
import { Failpoints } from '@kilonova/tasks/failpoints'
import { act, images, newestAction, refused, showImage } from './asked-server.ts'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'
import { imageProblems } from './image-oracle.ts'
import { ServerWorld } from './server-world.ts'

interface Made {
  image_id: string
}

describe('an image of a server', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud()
    id = await createServer(fake)
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  const snapshot = async (name: string, more: object = {}, version = '2.96'): Promise<string> => {
    const made = await act<Made>(fake.demo, id, { createImage: { name, ...more } }, version)
    await settledServer(fake, id)
    return made?.image_id
  }

  it('seed-8.5.3-1: is filled from the disk, and says where it is from', async () => {
    const imageId = await snapshot('first', { metadata: { color: 'blue' } })
    const image = await showImage(fake.demo, imageId)
    const { status, name, visibility, owner, disk_format: format, container_format: container } = image
    assert.deepEqual([status, name, visibility, owner], ['active', 'first', 'private', fake.demo.projectId])
    assert.deepEqual([format, container, image.min_disk], ['qcow2', 'bare', 1])
    const { instance_uuid, image_type, base_image_ref, image_location, image_state, owner_id, color } = image
    assert.deepEqual([instance_uuid, image_type, base_image_ref, color], [id, 'snapshot', fake.image, 'blue'])
    assert.deepEqual([image_location, image_state, owner_id], ['snapshot', 'available', fake.demo.projectId])
    const server = await showServer(fake, id)
    assert.deepEqual([server.status, server['OS-EXT-STS:task_state']], ['ACTIVE', null])
    assert.deepEqual(await newestAction(fake, id), ['createImage', null, 'compute_snapshot_instance Success'])
  })

  it('is named by a header before 2.45, and limited in what it says before 2.39', async () => {
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`key${i}`, 'value']))
    await assert.rejects(snapshot('many', { metadata: many }, '2.38'), refused(403, /^Image metadata limit exceeded$/))
    assert.equal(await snapshot('old', {}, '2.44'), undefined)
    const [newest] = await images(fake.demo)
    assert.equal(newest?.name, 'old')
  })

  it('is refused for what is no property, and its server goes on', async () => {
    await assert.rejects(snapshot('evil', { metadata: { owner: 'other' } }), refused(400, /owner is not a property/))
    await assert.rejects(snapshot('evil', { metadata: { size: '1' } }), refused(403, /size/))
    await assert.rejects(snapshot(' '), refused(400, /name/))
    await assert.rejects(snapshot('evil', { more: 1 }), refused(400, /Additional properties/))
    assert.equal((await images(fake.demo, '&name=evil')).length, 0)
    assert.equal((await showServer(fake, id))['OS-EXT-STS:task_state'], null)
  })

  it("of another project's server is shared with that project", async () => {
    const { image_id: imageId } = await act<Made>(fake.admin, id, { createImage: { name: 'by the admin' } })
    await settledServer(fake, id)
    const image = await showImage(fake.demo, imageId)
    const { status, visibility, owner, instance_owner: instanceOwner } = image
    assert.deepEqual([status, visibility, owner], ['active', 'shared', fake.admin.projectId])
    assert.equal(instanceOwner, fake.demo.projectId)
  })

  it('is taken of a locked server, of one that is off, and boots another', async () => {
    await act(fake.demo, id, { lock: null })
    await snapshot('locked')
    await act(fake.demo, id, { unlock: null })
    await act(fake.demo, id, { 'os-stop': null })
    await settledServer(fake, id)
    const imageId = await snapshot('off')
    assert.equal((await showServer(fake, id)).status, 'SHUTOFF')
    const other = await createServer(fake, { imageRef: imageId })
    assert.equal((await settledServer(fake, other)).status, 'ACTIVE')
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${other}` })
    await goneServer(fake, other)
    await act(fake.demo, id, { 'os-start': null })
    await settledServer(fake, id)
  })

  it('seed-8.5.3-3: is not made when its server must be quiesced and cannot', async () => {
    const property = (op: string) => ({
      method: 'PATCH' as const,
      path: `/image/v2/images/${fake.image}`,
      headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
      body: [
        { op, path: '/os_require_quiesce', ...(op === 'add' ? { value: 'yes' } : {}) },
        { op: op === 'add' ? 'add' : 'replace', path: '/hw_qemu_guest_agent', value: op === 'add' ? 'no' : 'yes' },
      ],
    })
    await fake.admin.ask(property('add'))
    const strict = await createServer(fake)
    await fake.admin.ask(property('remove'))
    await settledServer(fake, strict)
    const { image_id: imageId } = await act<Made>(fake.demo, strict, { createImage: { name: 'never' } })
    const server = await settledServer(fake, strict)
    assert.deepEqual([server.status, server['OS-EXT-STS:power_state']], ['ACTIVE', 1])
    await assert.rejects(showImage(fake.demo, imageId), refused(404, /image/i))
    assert.deepEqual(await newestAction(fake, strict), ['createImage', 'Error', 'compute_snapshot_instance Error'])
  })

  it('seed-8.5.3-5: as a backup takes the place of the oldest of its type', async () => {
    const backup = async (name: string, type: string, rotation: number): Promise<string> => {
      const body = { createBackup: { name, backup_type: type, rotation } }
      const { image_id: imageId } = await act<Made>(fake.demo, id, body)
      await settledServer(fake, id)
      return imageId
    }
    const weekly = await backup('weekly', 'weekly', 2)
    const daily: string[] = []
    for (const name of ['one', 'two', 'three']) daily.push(await backup(name, 'daily', 2))
    const kept = async (type: string) => (await images(fake.demo, `&backup_type=${type}`)).map((image) => image.id)
    assert.deepEqual((await kept('daily')).toSorted(), daily.slice(1).toSorted())
    assert.deepEqual(await kept('weekly'), [weekly])
    const { image_type: imageType, instance_uuid: instance } = await showImage(fake.demo, daily[2]!)
    assert.deepEqual([imageType, instance], ['backup', id])
    assert.deepEqual(await newestAction(fake, id), ['createBackup', null, 'compute_backup_instance Success'])
    await backup('none', 'daily', 0)
    assert.deepEqual(await kept('daily'), [])
    assert.deepEqual(await kept('weekly'), [weekly])
    await assert.rejects(backup('bad', 'daily', -1), refused(400, /rotation/))
  })
})

describe('an image of a server on a whole device', () => {
  let fake: FakeCloud
  before(async () => {
    fake = await startFakeCloud({ config: '[fake]\nisolated_disks = ["20", "50"]\n' })
  })
  after(() => fake?.stop())

  it('seed-8.5.3-6: is raw, and boots another; the server can be shelved', async () => {
    const post = <T>(path: string, body: object): Promise<T> =>
      fake.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/${path}`, body })
    const about = { name: 'whole', ram: 64, vcpus: 1, disk: 10 }
    const { flavor } = await post<{ flavor: { id: string } }>('flavors', { flavor: about })
    const specs = { 'resources:CUSTOM_DISK_ISOLATED': '1' }
    await post(`flavors/${flavor.id}/os-extra_specs`, { extra_specs: specs })
    const id = await createServer(fake, { flavorRef: flavor.id })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const { image_id: imageId } = await act<Made>(fake.demo, id, { createImage: { name: 'whole' } })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const { status, disk_format: format } = await showImage(fake.demo, imageId)
    assert.deepEqual([status, format], ['active', 'raw'])
    const other = await createServer(fake, { flavorRef: flavor.id, imageRef: imageId })
    assert.equal((await settledServer(fake, other)).status, 'ACTIVE')
    for (const [action, wanted] of Object.entries({ shelve: 'SHELVED_OFFLOADED', unshelve: 'ACTIVE' })) {
      await act(fake.demo, id, { [action]: null })
      assert.equal((await settledServer(fake, id)).status, wanted)
    }
    assert.deepEqual((await audit(fake.cloud.parts)).orphans, [])
  })
})

describe('a snapshot that is under way', () => {
  let world: ServerWorld
  let id: string
  before(async () => {
    world = await ServerWorld.open()
    await world.startTasks()
    id = await world.build()
  })
  after(() => world?.close())

  const seen = async (): Promise<unknown[]> => {
    const { vm_state: state, task_state: task } = await world.row(id)
    return [state, task]
  }

  /** Asks for it, and waits until the step hangs. */
  async function hangs(step: string, action: string, argument: object): Promise<void> {
    const failpoints = new Failpoints(`${step}:before:hang`)
    await world.startTasks(failpoints)
    await world.commands.act(id, action, argument)
    while (failpoints.hanging === 0) await world.run(world.clock.sleep(1))
  }

  it('seed-8.5.3-1: goes through its states, and ends without one', async () => {
    const states = { image: 'image_snapshot', copy: 'image_pending_upload', upload: 'image_uploading' }
    for (const [step, state] of Object.entries(states)) {
      await hangs(`server.snapshot.${step}`, 'createImage', { name: 'slow' })
      assert.deepEqual(await seen(), ['active', state])
      await world.startTasks()
      await world.run(world.settled(id))
      assert.deepEqual(await seen(), ['active', null])
    }
  })

  it('seed-8.5.3-6: is refused while another operation runs', async () => {
    await hangs('server.stop.guest', 'os-stop', {})
    for (const [action, argument] of Object.entries({
      createImage: { name: 'no' },
      createBackup: { name: 'no', backup_type: 'daily', rotation: 1 },
      shelve: null,
    })) {
      const sentence = new RegExp(`^Cannot '${action}' instance ${id} while it is in task_state powering-off$`)
      await assert.rejects(world.commands.act(id, action, argument), refused(409, sentence))
    }
    await world.startTasks()
    await world.run(world.settled(id))
    await world.commands.start(id)
    await world.run(world.settled(id))
  })

  it('says how far it is, and that others come first', async () => {
    const hosts = [{ name: 'fake-1', vcpus: 64, memoryMb: 65_536, copyTime: 100_000 }]
    const slow = await ServerWorld.open({ hosts })
    try {
      await slow.startTasks()
      const ids: string[] = []
      for (let i = 0; i < 6; i++) ids.push(await slow.build())
      await slow.tasks.stop() // so that none is over before the last was asked for
      for (const id of ids) await slow.commands.act(id, 'createImage', { name: 'slow' })
      await slow.startTasks()
      const [reasons, progress] = [new Set<string | null | undefined>(), new Set<number>()]
      const isUnderWay = async () => (await slow.tasks.list({ live: true })).length > 0
      while (await isUnderWay()) {
        for (const id of ids) reasons.add((await explainServer(slow.compute, id)).operation?.reason)
        for (const id of ids) progress.add((await slow.row(id)).progress)
        await slow.run(slow.clock.sleep(1000))
      }
      assert.ok(reasons.has('waits for other snapshots of its host'), [...reasons].join())
      assert.ok(
        [...reasons].some((reason) => /^copying: [257][05] %$/.test(reason ?? '')),
        [...reasons].join(),
      )
      assert.ok(
        [...progress].some((percent) => percent > 0 && percent <= 50),
        [...progress].join(),
      )
      assert.equal((await slow.row(ids[0]!)).progress, 0)
      const made = await slow.compute.image.list(slow.context(), { name: 'slow' })
      assert.deepEqual(
        made.map(({ status }) => status),
        Array(6).fill('active'),
      )
    } finally {
      await slow.close()
    }
  })

  it('is given up when its server is deleted, with its image', async () => {
    await hangs('server.snapshot.upload', 'createImage', { name: 'late' })
    await world.commands.delete(id)
    await world.startTasks()
    await world.run(world.settled(id))
    const left = await world.compute.image.list(world.context(), { name: 'late' })
    assert.deepEqual(left, [])
    for (const { storage, hypervisor } of world.hosts) {
      assert.deepEqual(await storage.work(), [])
      assert.deepEqual(await hypervisor.diskCopies.begun(), [])
    }
  })
})

describe('an image of a raw disk on which its guest wrote the header of another image', () => {
  let world: ServerWorld
  let id: string
  const header = Buffer.alloc(104)
  header.write('QFI\xfb', 'latin1')
  header.writeUInt32BE(3, 4)
  before(async () => {
    world = await ServerWorld.open({ hosts: [{ name: 'fake-1', vcpus: 64, memoryMb: 65_536, localDisks: true }] })
    await world.startTasks()
    id = await world.build()
    await world.commands.stop(id)
    await world.run(world.settled(id))
  })
  after(() => world?.close())

  it('trust-G4: is refused: no image is left, the server is what it was, and its user reads why', async () => {
    const path = world.hosts[0]!.paths.file(id, 'disk')
    const file = await open(path, 'r+')
    await file.write(header, 0, header.length, 0)
    await file.close()
    await world.commands.act(id, 'createImage', { name: 'trap' })
    await world.run(world.settled(id))
    const images = await world.compute.image.list(adminContext())
    assert.deepEqual(
      images.filter(({ name }) => name === 'trap'),
      [],
    )
    const { vm_state: state, task_state: task } = await world.row(id)
    assert.deepEqual([state, task], ['stopped', null])
    assert.deepEqual((await readFile(path)).subarray(0, header.length), header)
    const [event] = await tables(world.compute)
      .selectFrom('compute_instance_action_events')
      .selectAll()
      .where('event', '=', 'compute_snapshot_instance')
      .execute()
    assert.equal(event?.result, 'Error')
    const sentence =
      /its guest has written what looks like an image of another kind.*disk_format is raw, but the content is qcow2/
    assert.match(event!.details!, sentence)
    const told = await world.run(explainServer(world.compute, id))
    assert.match(told.operation!.error!.message, sentence)
    assert.match(told.advice.join('\n'), /snapshot_image_format/)
    assert.deepEqual(await imageProblems(world), [])
    assert.deepEqual(await readdir(world.hosts[0]!.paths.snapshots), [])
  })
})
