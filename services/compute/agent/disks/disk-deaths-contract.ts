// What every disk backend must survive: kill -9 between any two deeds of its work. Whole disks or none are left.
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { ISOLATED_SPEC } from '../../isolated-role.ts'
import type { GuestDisk, GuestImage, GuestSpec } from '../guest-spec.ts'
import { makeGuest } from '../testing.ts'
import { GB, MB } from './disk-mapping.ts'
import type { LocalStorage } from './local-storage.ts'
import { mountsUnder } from './mounts.ts'
import { imageInfo } from './qemu-img.ts'
import type { LoopDevice } from './testing.ts'
import { loopDevice, TestVolumeGroup } from './testing.ts'
import { TestImages } from './testing-images.ts'
import type { StoragePlace, Work } from './testing-storage.ts'
import { perform, storageAt, workUntilDeath } from './testing-storage.ts'
import { fileExists } from './whole-file.ts'

const CONTENT = Buffer.alloc(2 * MB, 'content of the image ')
const DEVICE_SIZE = 24 * MB
/** What is done to notes and to files in folders is seen with the other backends, and quicker. */
const VOLUME_DEEDS = '^(lv|mk[fs]|u?mount|e2fsck|resize2fs|shred|prlimit|rmdir|mkdir .*/disk |rm .*/host)'

/** One host with its storage, a guest that work is done for, and what is right at any time. */
class Host {
  readonly place: StoragePlace
  /** As the newest process has opened it. */
  storage!: LocalStorage
  guest!: GuestSpec
  /** The deeds that tell this backend from others; undefined: all. */
  readonly among: string | undefined
  readonly #images: TestImages
  readonly #volumes: TestVolumeGroup | undefined
  readonly #device: LoopDevice | undefined
  #image!: GuestImage
  #usedAtFirst = 0

  private constructor(place: StoragePlace, images: TestImages, volumes?: TestVolumeGroup, device?: LoopDevice) {
    this.place = place
    this.#images = images
    this.#volumes = volumes
    this.#device = device
    this.among = volumes && VOLUME_DEEDS
  }

  static async make(backend: string, directory: string, images: TestImages): Promise<Host> {
    const volumes = backend.startsWith('lvm') ? await TestVolumeGroup.make(4 * GB) : undefined
    const device = backend === 'isolated' ? await loopDevice(join(directory, 'device'), DEVICE_SIZE) : undefined
    const place: StoragePlace = {
      root: join(directory, 'host'),
      imagesType: device ? 'qcow2' : backend,
      ...(volumes ? { volumes: volumes.place } : {}),
      ...(device ? { device: device.path } : {}),
    }
    const host = new Host(place, images, volumes, device)
    host.#image = await images.add(CONTENT, 'raw')
    await host.restart()
    await host.storage.prepareImage(host.#image)
    host.#usedAtFirst = (await host.storage.space()).used
    return host
  }

  async restart(): Promise<void> {
    this.storage = storageAt(this.place, this.#images)
    await this.storage.open()
  }

  async end(): Promise<void> {
    for (const path of await mountsUnder(this.place.root)) await run('umount', [path])
    await this.#volumes?.close()
    await this.#device?.detach()
  }

  /** A guest that has no disks yet. */
  newGuest(): void {
    const extraSpecs: Record<string, string> = this.#device ? { [ISOLATED_SPEC]: 'root' } : {}
    const flavor = { ...makeGuest().flavor, rootGb: 0, swapMb: 1, extraSpecs }
    this.guest = makeGuest({ image: this.#image, flavor })
  }

  async giveDisks(): Promise<void> {
    this.guest.disks = await this.storage.createDisks(this.guest)
  }

  /** A guest with disks: the one of the last death, if it still has them. */
  async hasDisks(): Promise<void> {
    if (this.guest?.disks.length > 0) return
    this.newGuest()
    await this.giveDisks()
  }

  read(disk: Pick<GuestDisk, 'source' | 'format'>, length: number): Promise<Buffer> {
    return this.#images.read(disk, length)
  }

  async takeGuest(): Promise<void> {
    await this.storage.deleteFiles(this.guest.id)
    this.guest.disks = []
    await this.hasNothing()
  }

  /** Whatever is there of these disks is whole. Answers the roles of those that are. */
  async whole(disks: readonly GuestDisk[]): Promise<string[]> {
    const there: GuestDisk[] = []
    for (const disk of disks) if (await this.#exists(disk)) there.push(disk)
    for (const disk of there) {
      const { virtualSize } = await this.storage.facts(disk)
      assert.ok(virtualSize >= disk.size, `${disk.role} has ${virtualSize} of ${disk.size} bytes`)
      if (disk.role === 'root') assert.ok((await this.read(disk, CONTENT.length)).equals(CONTENT), 'another content')
      else assert.equal((await this.read(disk, 4096)).subarray(4086).toString(), 'SWAPSPACE2')
    }
    return there.map(({ role }) => role)
  }

  async #exists({ backend, source: { path } }: GuestDisk): Promise<boolean> {
    if (backend !== 'lvm' && backend !== 'isolated') return fileExists(path)
    return (await this.storage.holdings()).some(({ id }) => id === path || id === basename(path))
  }

  /** These disks, whole, and nothing else. */
  async hasExactly(disks: readonly GuestDisk[]): Promise<void> {
    assert.deepEqual(
      await this.whole(disks),
      disks.map(({ role }) => role),
      'some disks are not there',
    )
    const names = disks.map(({ source }) => basename(source.path))
    const folder = join(this.place.root, this.guest.id)
    const files = (await readdir(folder, { recursive: true })).map((name) => basename(name))
    assert.deepEqual(
      files.filter(
        (name) => /part|tmp/.test(name) || (/^disk(\.swap)?(\.[0-9a-f]{8})?$/.test(name) && !isKnown(name, names)),
      ),
      [],
    )
    const volumes = (await this.storage.holdings()).filter(({ kind }) => kind === 'logical-volume').map(({ id }) => id)
    assert.equal(volumes.length, this.place.imagesType === 'lvm' ? disks.length : this.#volumes ? 1 : 0, volumes.join())
  }

  /** Nothing of the guest is left, and a device that it had holds nothing of it. */
  async hasNothing(): Promise<void> {
    assert.deepEqual(await this.storage.guests(), [])
    assert.deepEqual(await this.storage.holdings(), [])
    if (this.#volumes) assert.equal((await this.storage.space()).used, this.#usedAtFirst)
    if (!this.#device) return
    const [disk] = await this.storage.isolatedDisks()
    assert.deepEqual([disk!.guest, disk!.trouble], [null, null])
    const { stdout } = await run('cmp', ['-n', String(MB), disk!.path, '/dev/zero'], { accept: [0, 1] })
    assert.equal(stdout, '')
  }
}

/** A volume's mount point is named as a disk. */
const isKnown = (name: string, disks: readonly string[]): boolean => name === 'disk' || disks.includes(name)

/** One kind of work on a guest's disks. */
interface Kind {
  /** Makes what the work is done to, where it is not there. */
  begin: (host: Host) => Promise<Work>
  /** It is done. */
  done: (host: Host, work: Work) => Promise<void>
  /** All is as it was before. Absent for what is never undone. */
  undo?: (host: Host, work: Work) => Promise<void>
}

let generation = 0x10000000

async function copying(host: Host): Promise<Extract<Work, { does: 'copy' }>> {
  await host.hasDisks()
  const guest = { ...host.guest, flavor: { ...host.guest.flavor, rootGb: 1 } }
  return { does: 'copy', guest, planned: await host.storage.planMove(guest, (generation++).toString(16)) }
}

async function uncopied(host: Host, work: Work): Promise<void> {
  await host.storage.removeDisks(host.guest.id, plannedIn(work))
  assert.deepEqual(await host.whole(plannedIn(work)), [])
  await host.hasExactly(host.guest.disks)
}

const KINDS: Record<Work['does'], Kind> = {
  create: {
    async begin(host) {
      host.newGuest()
      return { does: 'create', guest: host.guest }
    },
    async done(host) {
      await host.giveDisks() // where they are is told to whoever asks again
      await host.hasExactly(host.guest.disks)
      await host.takeGuest()
    },
    undo: (host) => host.takeGuest(),
  },
  copy: {
    begin: copying,
    async done(host, work) {
      await host.hasExactly([...host.guest.disks, ...plannedIn(work)])
      await uncopied(host, work)
    },
    undo: uncopied,
  },
  remove: {
    async begin(host) {
      const work = await copying(host)
      await perform(host.storage, work)
      return { does: 'remove', guest: work.guest, disks: plannedIn(work) }
    },
    done: (host) => host.hasExactly(host.guest.disks),
  },
  extract: {
    async begin(host) {
      await host.hasDisks()
      return { does: 'extract', guest: host.guest, id: systemRandom.uuid() }
    },
    async done(host, work) {
      const path = join(host.place.root, 'snapshots', (work as { id: string }).id, 'image')
      assert.equal((await imageInfo(path, 'qcow2')).backingFile, null)
      const copy = { source: { kind: 'file' as const, path }, format: 'qcow2' as const }
      assert.ok((await host.read(copy, CONTENT.length)).equals(CONTENT))
      assert.deepEqual(await readdir(dirname(path)), ['image'])
      await host.hasExactly(host.guest.disks)
    },
    async undo(host) {
      assert.deepEqual(await host.storage.work(), [])
      await host.hasExactly(host.guest.disks)
    },
  },
  delete: {
    async begin(host) {
      await host.hasDisks()
      return { does: 'delete', guest: host.guest }
    },
    done: (host) => host.takeGuest(),
  },
}

const plannedIn = (work: Work): GuestDisk[] => (work as { planned: GuestDisk[] }).planned

const keepsDisks = ({ does }: Work): boolean => does !== 'delete'

/** Kills a process before each of the deeds that the work takes. Answers how often it died. */
async function killAll(host: Host, kind: Kind, end: 'repeated' | 'undone'): Promise<number> {
  for (let at = 0; ; at++) {
    const work = await kind.begin(host)
    const dies = { at, when: 'before' as const, ...(host.among ? { among: host.among } : {}) }
    const deed = await workUntilDeath({ place: host.place, work, dies })
    try {
      await host.restart()
      if (keepsDisks(work)) await host.whole(host.guest.disks)
      if (end === 'repeated') await perform(host.storage, work)
      await (end === 'repeated' ? kind.done(host, work) : kind.undo!(host, work))
    } catch (error) {
      throw new Error(`killed before ‘${deed}’: ${(error as Error).message}`, { cause: error })
    }
    if (deed === undefined) return at
  }
}

export type DiskWork = Work['does']

/** Has processes die at this work on disks of that backend, and says how often. */
export function diskDeaths(backend: string, works: readonly DiskWork[]): void {
  describe(`a process that is killed at its work on ${backend} disks`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'kn-deaths-'))
    const images = new TestImages(directory)
    let host: Host
    before(async () => {
      host = await Host.make(backend, directory, images)
    })
    after(async () => {
      await host?.end()
      await rm(directory, { recursive: true })
    })

    for (const does of works) {
      const kind = KINDS[does]
      for (const end of kind.undo ? (['repeated', 'undone'] as const) : (['repeated'] as const)) {
        it(`${does}, then ${end}`, async (t) => {
          const deaths = await killAll(host, kind, end)
          assert.ok(deaths > 0)
          t.diagnostic(`killed ${deaths} times`)
        })
      }
    }

    it('leaves nothing in the end', () => host.takeGuest())
  })
}
