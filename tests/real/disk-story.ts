// What a server's disk goes through, told to a real guest on one backend; its user sees all of it, and nothing is left.
import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { until } from '@kilonova/cloud/api-client'
import { GuestShell } from './guest-shell.ts'
import type { RealCloud } from './real-cloud.ts'
import type { ShownServer, Things } from './servers.ts'
import {
  act,
  active,
  createGroup,
  createKey,
  createServer,
  fixedAddress,
  removeServer,
  settled,
  thingsOf,
} from './servers.ts'

export interface DiskWorld {
  cloud: RealCloud
  /** The id of a flavor of 1 GiB; default: the usual one. */
  flavor?: string
  /** What libvirt is told of the disk. */
  disk: RegExp
  /** The format of its images. */
  format: 'raw' | 'qcow2'
  /** What a resize is refused with; default: it is not. */
  refusesResize?: RegExp
  /** While the server and one that was made from its image have their disks. */
  whileTwo?: () => Promise<void>
  /** Throws when there is what may be there only while there are servers. */
  assertNothingLeft?: () => Promise<void>
}

interface Image {
  id: string
  status: string
  disk_format: string
  image_type: string
  instance_uuid: string
}

const LIMIT_SECONDS = 300
const GIB_IN_SECTORS = 2 ** 21
/** Behind what the guest's own image takes: a text, and two numbers of which the first is written first. */
const TEXT = 200_000
const COUNTERS = [210_000, 220_000] as const
const WRITES = `while :; do n=$((n + 1)); for at in ${COUNTERS.join(' ')}; do
  printf '%-512s' $n | dd of=/dev/vda bs=512 seek=$at conv=fsync 2>/dev/null; done; done`
/** What lies beside the folders of guests. */
const BESIDE = ['_base', 'isolated', 'snapshots']

/** `open` is awaited once, before the first step; `check` is the acceptance check that the whole makes. */
export function diskStory(backend: string, open: () => Promise<DiskWorld>, check = ''): void {
  describe(`${check}the disk of a real guest, ${backend}`, () => {
    let story: DiskStory
    before(async () => {
      story = await DiskStory.begin(backend, await open())
    })
    after(() => story?.close())

    it(`${backend}: boots, and keeps what is written`, () => story.boot())
    it(`${backend}: is copied while the guest writes, which goes on`, () => story.copy())
    it(`${backend}: what boots from the copy has the data of one moment`, () => story.readCopy())
    it(`${backend}: is the second disk while the server is rescued, and the first again then`, () => story.rescue())
    it(`${backend}: grows with a resize and shrinks with its revert, or is refused`, () => story.resize())
    it(`${backend}: is made anew by a rebuild, under another name and key`, () => story.rebuild())
    it(`${backend}: leaves nothing when the server is deleted`, () => story.delete())
  })
}

class DiskStory {
  readonly #backend: string
  readonly #world: DiskWorld
  readonly #cloud: RealCloud
  readonly #things: Things
  readonly #keys: { first: string; second: string }
  #id = ''
  #shell: GuestShell | undefined
  #image: Image | undefined
  /** What the counters had reached before the copy was asked for, and after it was made. */
  #counted: [number, number] = [0, 0]

  private constructor(backend: string, world: DiskWorld, things: Things, keys: { first: string; second: string }) {
    this.#backend = backend
    this.#world = world
    this.#cloud = world.cloud
    this.#things = things
    this.#keys = keys
  }

  static async begin(backend: string, world: DiskWorld): Promise<DiskStory> {
    const { cloud, flavor } = world
    const things = { ...(await thingsOf(cloud.demo)), ...(flavor === undefined ? {} : { flavor }) }
    const key = (name: string) => createKey(cloud.demo, cloud.state.path, `${backend}-${name}`)
    const keys = { first: await key('first'), second: await key('second') }
    await createGroup(cloud.demo, `${backend}-ssh`, [22])
    return new DiskStory(backend, world, things, keys)
  }

  async close(): Promise<void> {
    await this.#shell?.close()
  }

  async boot(): Promise<void> {
    const server = await this.#create('writer', this.#things.image)
    this.#id = server.id
    this.#shell = await this.#logIn(server)
    assert.match(await this.#cloud.virsh('dumpxml', this.#id), this.#world.disk)
    assert.ok((await this.#size()).sectors >= GIB_IN_SECTORS)
    await this.#write('first words')
    await this.#shell.run('sync; echo 3 >/proc/sys/vm/drop_caches')
    assert.equal(await this.#read(), 'first words')
  }

  async copy(): Promise<void> {
    await this.#shell!.run(`(${WRITES}) >/dev/null 2>&1 </dev/null &`)
    await this.#counts(2)
    const [, before] = await this.#counters()
    await this.#shell!.close() // a guest whose memory is saved meanwhile answers late
    this.#image = await this.#imageOf(this.#id)
    const { disk_format: format, image_type: type, instance_uuid: of } = this.#image
    assert.deepEqual([format, type, of], [this.#world.format, 'snapshot', this.#id])
    assert.equal((await active(this.#cloud.demo, this.#id))['OS-EXT-STS:power_state'], 1)
    assert.doesNotMatch(await this.#cloud.virsh('dumpxml', this.#id), /<mirror/)
    await this.#shell!.open()
    const [now] = await this.#counters()
    await this.#counts(now)
    this.#counted = [before, now]
    await this.#assertClean()
  }

  async readCopy(): Promise<void> {
    const other = await this.#create('reader', this.#image!.id)
    const reader = await this.#logIn(other)
    try {
      assert.equal(await this.#read('vda', reader), 'first words')
      const [first, second] = await this.#counters(reader)
      assert.ok(second === first || second === first - 1, `${first} was written before ${second}`)
      const [before, now] = this.#counted
      assert.ok(before <= second && first <= now, `${first} and ${second} lie between ${before} and ${now}`)
    } finally {
      await reader.close()
    }
    await this.#world.whileTwo?.()
    await removeServer(this.#cloud.demo, other.id)
    await this.#assertClean()
  }

  async rescue(): Promise<void> {
    await this.#becomes({ rescue: { adminPass: 'to the rescue' } }, 'RESCUE')
    assert.deepEqual([await this.#read(), await this.#read('vdb')], ['', 'first words'])
    assert.equal((await this.#metadata())['admin_pass'], 'to the rescue')
    await this.#becomes({ unrescue: null }, 'ACTIVE')
    assert.equal(await this.#read(), 'first words')
    assert.equal((await this.#shell!.try('test -e /dev/vdb')).code, 1)
    assert.notEqual((await this.#metadata())['admin_pass'], 'to the rescue')
  }

  async resize(): Promise<void> {
    const resize = { resize: { flavorRef: await this.#largerFlavor() } }
    const { refusesResize: refusal } = this.#world
    if (refusal) {
      const refused = (error: unknown) => isFault(error) && error.status === 400 && refusal.test(error.message)
      await assert.rejects(act(this.#cloud.demo, this.#id, resize), refused)
      assert.equal(await this.#read(), 'first words')
      return
    }
    assert.deepEqual(await this.#size(), { processors: 1, sectors: GIB_IN_SECTORS })
    await this.#becomes(resize, 'VERIFY_RESIZE')
    assert.deepEqual(await this.#size(), { processors: 2, sectors: 2 * GIB_IN_SECTORS })
    assert.equal(await this.#read(), 'first words')
    await this.#write('lost words')
    await this.#becomes({ revertResize: null }, 'ACTIVE')
    assert.deepEqual(await this.#size(), { processors: 1, sectors: GIB_IN_SECTORS })
    assert.equal(await this.#read(), 'first words')

    await this.#becomes(resize, 'VERIFY_RESIZE')
    await this.#write('later words')
    await act(this.#cloud.demo, this.#id, { confirmResize: null })
    assert.equal((await settled(this.#cloud.demo, this.#id))!.status, 'ACTIVE')
    assert.equal(await this.#read(), 'later words')
    await this.#assertClean()
  }

  async rebuild(): Promise<void> {
    const address = fixedAddress(await active(this.#cloud.demo, this.#id))
    const key = `${this.#backend}-second`
    const rebuild = { imageRef: this.#things.image, name: 'two', hostname: 'two', adminPass: 'anew', key_name: key }
    const shown = await this.#becomes({ rebuild }, 'ACTIVE', this.#keys.second)
    assert.deepEqual([shown.name, fixedAddress(shown)], ['two', address])
    assert.deepEqual([await this.#read(), await this.#shell!.run('hostname')], ['', 'two'])
    const { admin_pass: password, name, public_keys: known } = await this.#metadata()
    assert.deepEqual([password, name, Object.keys(known as object)], ['anew', 'two', [key]])
    await this.#write('last words')
    await this.#assertClean()
  }

  async delete(): Promise<void> {
    await this.#shell?.close()
    await removeServer(this.#cloud.demo, this.#id)
    await this.#cloud.demo.ask({ method: 'DELETE', path: `/image/v2/images/${this.#image!.id}` })
    await this.#assertClean()
    assert.equal(await this.#cloud.virsh('list', '--all', '--uuid'), '')
    const instances = join(this.#cloud.state.path, 'instances')
    assert.deepEqual(
      (await readdir(instances)).filter((name) => !BESIDE.includes(name)),
      [],
    )
    for (const name of await readdir(join(instances, '_base'))) {
      const { nlink } = await stat(join(instances, '_base', name))
      assert.equal(nlink, 1, `a server holds the cached image ${name}`)
    }
    await this.#world.assertNothingLeft?.()
  }

  async #create(name: string, imageRef: string): Promise<ShownServer> {
    const access = { key_name: `${this.#backend}-first`, security_groups: [{ name: `${this.#backend}-ssh` }] }
    const parts = { name, imageRef, ...access, config_drive: true }
    return active(this.#cloud.demo, await createServer(this.#cloud.demo, this.#things, parts))
  }

  async #logIn(server: ShownServer, keyFile = this.#keys.first): Promise<GuestShell> {
    const place = { directory: this.#cloud.state.path, networkId: this.#things.network, address: fixedAddress(server) }
    const shell = new GuestShell({ ...place, keyFile })
    await shell.open()
    return shell
  }

  /** Resolves with a login to what the server is then. */
  async #becomes(body: object, status: string, keyFile = this.#keys.first): Promise<ShownServer> {
    await this.#shell?.close()
    await act(this.#cloud.demo, this.#id, body)
    const server = (await settled(this.#cloud.demo, this.#id))!
    assert.equal(server.status, status, JSON.stringify(server.fault))
    this.#shell = await this.#logIn(server, keyFile)
    return server
  }

  async #imageOf(id: string): Promise<Image> {
    const path = `/compute/v2.1/servers/${id}/action`
    const body = { createImage: { name: `${this.#backend}-copy` } }
    const { image_id: imageId } = await this.#cloud.demo.ask<{ image_id: string }>({ method: 'POST', path, body })
    const image = await until(LIMIT_SECONDS, async () => {
      const shown = await this.#cloud.demo.ask<Image>({ path: `/image/v2/images/${imageId}` })
      return shown.status === 'active' ? shown : undefined
    })
    assert.ok(image, 'the image did not become active')
    return image
  }

  async #write(text: string): Promise<void> {
    await this.#shell!.run(`printf '%-512s' '${text}' | dd of=/dev/vda bs=512 seek=${TEXT} conv=fsync 2>/dev/null`)
  }

  #read(device = 'vda', shell = this.#shell!, sector = TEXT): Promise<string> {
    return shell.run(`dd if=/dev/${device} bs=512 skip=${sector} count=1 2>/dev/null | tr -d '\\0'`)
  }

  async #counters(shell = this.#shell!): Promise<[number, number]> {
    const [first, second] = [await this.#read('vda', shell, COUNTERS[0]), await this.#read('vda', shell, COUNTERS[1])]
    return [Number(first), Number(second)]
  }

  /** Waits until the guest has written more than so much. */
  async #counts(than: number): Promise<void> {
    const counted = await until(LIMIT_SECONDS, async () => ((await this.#counters())[0] > than ? true : undefined))
    assert.ok(counted, `the guest wrote nothing after ${than}`)
  }

  async #size(): Promise<{ processors: number; sectors: number }> {
    const said = await this.#shell!.run('grep -c ^processor /proc/cpuinfo; cat /sys/block/vda/size')
    const [processors, sectors] = said.split('\n').map(Number)
    return { processors: processors!, sectors: sectors! }
  }

  async #metadata(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.#shell!.run('cat /media/config-2/openstack/latest/meta_data.json'))
  }

  async #largerFlavor(): Promise<string> {
    const id = `${this.#backend}-larger`
    const flavor = { name: id, id, vcpus: 2, ram: 256, disk: 2 }
    await this.#cloud.admin.ask({ method: 'POST', path: '/compute/v2.1/flavors', body: { flavor } })
    return id
  }

  async #assertClean(): Promise<void> {
    const { orphans, unchecked } = await this.#cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
    assert.deepEqual(await readdir(join(this.#cloud.state.path, 'instances', 'snapshots')).catch(() => []), [])
  }
}
