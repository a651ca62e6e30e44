// Images of real guests hold what the guests wrote; a shelved guest comes back with it; nobody is disturbed.
import assert from 'node:assert/strict'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import { GuestShell } from './guest-shell.ts'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { act, active, createGroup, createKey, createServer, fixedAddress, settled, thingsOf } from './servers.ts'

const CONFIG = '[compute]\nvirt_type = "qemu"\nvnc_enabled = false\nshutdown_timeout = 5\nsnapshot_compression = true\n'
const LIMIT_SECONDS = 300
/** Far behind what the guest's own image takes. */
const SECTOR = 1_000_000

interface Image {
  id: string
  status: string
  disk_format: string
}

describe('a real guest', () => {
  let cloud: RealCloud
  let things: Things
  let keyFile: string
  const shells: GuestShell[] = []
  let id: string

  before(async () => {
    cloud = await RealCloud.start({ config: CONFIG })
    things = await thingsOf(cloud.demo)
    keyFile = await createKey(cloud.demo, cloud.state.path, 'test')
    await createGroup(cloud.demo, 'ssh', [22])
    id = await createServer(cloud.demo, things, { key_name: 'test', security_groups: [{ name: 'ssh' }] })
  })
  after(async () => {
    await closeShells()
    await cloud?.remove()
  })

  const closeShells = async (): Promise<void> => {
    for (const shell of shells.splice(0)) await shell.close()
  }
  async function shellOf(id: string): Promise<GuestShell> {
    const address = fixedAddress(await active(cloud.demo, id))
    const shell = new GuestShell({ directory: cloud.state.path, keyFile, networkId: things.network, address })
    await shell.open()
    shells.push(shell)
    return shell
  }
  const write = (shell: GuestShell, text: string) =>
    shell.run(`printf '%-512s' '${text}' | dd of=/dev/vda bs=512 seek=${SECTOR} conv=fsync 2>/dev/null`)
  const read = async (shell: GuestShell): Promise<string> =>
    (await shell.run(`dd if=/dev/vda bs=512 skip=${SECTOR} count=1 2>/dev/null`)).trim()
  const pidOf = async (id: string): Promise<string> =>
    (await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`], { accept: [0, 1] })).stdout.trim()
  const show = (id: string) => cloud.demo.ask<Image>({ path: `/image/v2/images/${id}` })

  async function snapshot(name: string): Promise<Image> {
    const path = `/compute/v2.1/servers/${id}/action`
    const body = { createImage: { name } }
    const { image_id: imageId } = await cloud.demo.ask<{ image_id: string }>({ method: 'POST', path, body })
    const seen = new Set<string>()
    const done = await until(LIMIT_SECONDS, async () => {
      const image = await show(imageId)
      seen.add(image.status)
      return image.status === 'active' ? image : undefined
    })
    assert.ok(done, `${name}: ${[...seen]}`)
    await settled(cloud.demo, id)
    return done
  }

  /** Where the image's data lies. */
  async function fileOf({ id }: Image): Promise<string> {
    const names = await readdir(cloud.state.images)
    return join(cloud.state.images, names.find((name) => name.startsWith(id))!)
  }

  /** What the guest wrote, read from outside. */
  async function written(image: Image): Promise<string> {
    const raw = join(cloud.state.path, `${image.id}.raw`)
    await run('qemu-img', ['convert', '-f', image.disk_format, '-O', 'raw', await fileOf(image), raw])
    const file = await open(raw, 'r')
    try {
      return (await file.read(Buffer.alloc(512), 0, 512, SECTOR * 512)).buffer.toString().trim()
    } finally {
      await file.close()
    }
  }

  async function assertClean(): Promise<void> {
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    assert.deepEqual(await readdir(join(cloud.state.path, 'instances', 'snapshots')).catch(() => []), [])
  }

  it('seed-8.5.3-4: has snapshots that stand alone, and are smaller when compressed', async () => {
    const shell = await shellOf(id)
    await write(shell, 'first words')
    await closeShells()
    await act(cloud.demo, id, { 'os-stop': null })
    await settled(cloud.demo, id)
    const image = await snapshot('off')
    assert.equal((await settled(cloud.demo, id))!.status, 'SHUTOFF')
    assert.equal(await written(image), 'first words')
    const file = await fileOf(image)
    const { stdout } = await run('qemu-img', ['info', '--output=json', '-f', 'qcow2', file])
    assert.equal('backing-filename' in JSON.parse(stdout), false)
    const plain = join(cloud.state.path, 'plain.qcow2')
    await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'qcow2', file, plain])
    assert.ok((await stat(file)).size < (await stat(plain)).size)
    await act(cloud.demo, id, { 'os-start': null })
    await write(await shellOf(id), 'later words')
  })

  it('goes on, and its image is whole, when the cloud dies while it is made', async () => {
    const pid = await pidOf(id)
    for (const point of ['copy:effect', 'upload:before', 'upload:effect']) {
      await cloud.stop()
      await cloud.up({ KILONOVA_FAILPOINT: `server.snapshot.${point}:crash` })
      await cloud.ready()
      const path = `/compute/v2.1/servers/${id}/action`
      const body = { createImage: { name: point } }
      const { image_id: imageId } = await cloud.demo.ask<{ image_id: string }>({ method: 'POST', path, body })
      assert.equal((await cloud.end()).signal, 'SIGKILL')
      await cloud.up()
      await cloud.ready()
      assert.equal((await active(cloud.demo, id))['OS-EXT-STS:power_state'], 1)
      const image = await show(imageId)
      assert.equal(image.status, 'active', point)
      assert.equal(await written(image), 'later words')
      assert.equal(await pidOf(id), pid)
      await assertClean()
    }
  })

  it('is shelved, leaves its host, and comes back with its disk and its address', async () => {
    const before = fixedAddress(await active(cloud.demo, id))
    await act(cloud.demo, id, { shelve: null })
    assert.equal((await settled(cloud.demo, id))!.status, 'SHELVED_OFFLOADED')
    assert.equal(await pidOf(id), '')
    assert.equal((await cloud.virsh('list', '--all', '--uuid')).includes(id), false)
    await assertClean()
    await act(cloud.demo, id, { unshelve: null })
    const server = await active(cloud.demo, id)
    assert.equal(fixedAddress(server), before)
    await closeShells()
    assert.equal(await read(await shellOf(id)), 'later words')
    const again = await snapshot('again')
    assert.equal(await written(again), 'later words')
    await assertClean()
  })
})
