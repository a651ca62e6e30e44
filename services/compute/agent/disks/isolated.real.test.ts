// Whole devices: who gets which, which are refused, and what is left on them.
import assert from 'node:assert/strict'
import { constants, mkdtempSync } from 'node:fs'
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import { CommandFailed, run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { systemRandom } from '@kilonova/base/random'
import type { GuestDisk } from '../guest-spec.ts'
import { blockDevice, troubleOf } from './block-device.ts'
import type { Clearing } from './clear-device.ts'
import { MB } from './disk-mapping.ts'
import { IsolatedDisks } from './isolated.ts'
import { type LoopDevice, loopDevice } from './testing.ts'

describe('isolated disks', () => {
  const root = mkdtempSync(join(tmpdir(), 'kilonova-isolated-'))
  const made: LoopDevice[] = []
  let count = 0
  const device = async (mb: number): Promise<string> => {
    made.push(await loopDevice(join(root, `device${count++}`), mb * MB))
    return made.at(-1)!.path
  }
  afterEach(async () => {
    for (const loop of made.splice(0)) await loop.detach()
  })
  after(() => rm(root, { recursive: true }))

  const disksOn = (devices: string[], directory: string, clearing: Clearing = { how: 'zero', mb: 1 }) =>
    new IsolatedDisks({ devices, directory, clearing })
  const make = (devices: string[], clearing?: Clearing): IsolatedDisks =>
    disksOn(devices, join(root, `notes${count++}`), clearing)
  const refused = (why: RegExp) => (error: unknown) => isFault(error, 'IsolatedDiskRefused') && why.test(error.message)
  const diskOf = async (disks: IsolatedDisks, guest: string, size = 0): Promise<GuestDisk> => {
    const place = await disks.claim({ guest, size })
    return { role: 'root', ...place, device: 'disk', bus: 'virtio', target: 'vda', size }
  }
  const base = async (content: string): Promise<{ path: string; size: number }> => {
    const path = join(root, `base${count++}`)
    await writeFile(path, Buffer.alloc(MB, content))
    return { path, size: MB }
  }
  const bytes = async (path: string, at: number, length = 512): Promise<Buffer> => {
    const file = await open(path)
    try {
      return (await file.read(Buffer.alloc(length), 0, length, at)).buffer
    } finally {
      await file.close()
    }
  }

  it('size and kind are the kernel’s', async () => {
    const path = await device(8)
    assert.equal((await blockDevice(path)).size, 8 * MB)
    assert.deepEqual(await blockDevice('/dev/none'), { size: 0, rotational: false })
    assert.equal(await troubleOf(path), null)
  })

  it('seed-8.5.16-4: a restart of the service keeps who has which', async () => {
    const [small, large] = [await device(8), await device(16)]
    const directory = join(root, 'kept')
    const [a, b, c] = [systemRandom.uuid(), systemRandom.uuid(), systemRandom.uuid()]
    const first = disksOn([large, small], directory)
    assert.equal((await first.claim({ guest: a, size: 4 * MB })).source.path, small)
    await writeFile(join(directory, '.half-written'), '{')
    const second = disksOn([large, small], directory)
    await second.open()
    assert.equal((await second.claim({ guest: a, size: 4 * MB })).source.path, small)
    assert.equal((await second.claim({ guest: b, size: 4 * MB })).source.path, large)
    await assert.rejects(second.claim({ guest: c, size: 4 * MB }), refused(new RegExp(`is the disk of ${a}`)))
    const third = disksOn([], directory)
    const kept = await third.disks()
    assert.deepEqual(
      new Set(kept.map(({ path, guest }) => `${path} ${guest}`)),
      new Set([`${small} ${a}`, `${large} ${b}`]),
    )
  })

  it('guests that come at once never share one', async () => {
    const disks = make([await device(8), await device(8)])
    const claims = Array.from({ length: 6 }, () => disks.claim({ guest: systemRandom.uuid(), size: MB }))
    const got = (await Promise.allSettled(claims)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    assert.equal(got.length, 2)
    assert.equal(new Set(got.map(({ source }) => source.path)).size, 2)
  })

  it('seed-8.5.16-2: the device of a guest that goes is wiped, and the next gets it', async () => {
    const path = await device(8)
    const disks = make([path])
    const [first, second] = [systemRandom.uuid(), systemRandom.uuid()]
    const disk = await diskOf(disks, first)
    await disks.createFrom(disk, await base('secret of the first '))
    assert.match((await bytes(path, 0)).toString(), /secret of the first/)
    await disks.removeGuest(first)
    assert.deepEqual(await bytes(path, 0, MB), Buffer.alloc(MB))
    assert.deepEqual(await disks.holdings(), [])
    await disks.createFrom(await diskOf(disks, second), await base('second '))
    assert.match((await bytes(path, 0)).toString(), /second/)
    await disks.removeGuest(first)
    assert.match((await bytes(path, 0)).toString(), /second/, 'what is not its own is left alone')
    await disks.removeGuest(second)
  })

  it('a rebuilt guest’s device is cleared and written once more, and stays its own meanwhile', async () => {
    const path = await device(8)
    const directory = join(root, 'rebuilt')
    const disks = disksOn([path], directory)
    const guest = systemRandom.uuid()
    const disk = await diskOf(disks, guest)
    await disks.createFrom(disk, await base('before '))
    await run('qemu-io', ['-f', 'raw', '-c', `write -P 0x55 ${512 * 1024} 512`, path])
    const anew = { ...disk, generation: 'a1b2c3d4' }
    assert.deepEqual([await disks.exists(disk), await disks.exists(anew)], [true, false])

    const none = { path: join(root, 'no such base'), size: MB }
    await assert.rejects(disks.createFrom(anew, none), CommandFailed)
    assert.deepEqual(await bytes(path, 0, MB), Buffer.alloc(MB))
    const next = disksOn([path], directory)
    assert.deepEqual(
      [await next.exists(disk), await next.exists(anew)],
      [false, false],
      'what dies half-way is no disk',
    )
    await assert.rejects(next.claim({ guest: systemRandom.uuid(), size: MB }), refused(/is the disk of/))

    await next.createFrom(anew, { ...(await base('after ')), size: MB })
    assert.deepEqual([await next.exists(disk), await next.exists(anew)], [true, true])
    await run('qemu-io', ['-f', 'raw', '-c', 'write -P 0x66 0 512', path])
    for (const one of [disk, anew]) await next.createFrom(one, await base('never '))
    assert.deepEqual(await bytes(path, 0), Buffer.alloc(512, 0x66), 'what is there is not written again')
  })

  for (const [clearing, at, stays] of [
    [{ how: 'zero', mb: 0 }, 6 * MB, false],
    [{ how: 'zero', mb: 1 }, 6 * MB, true],
    [{ how: 'shred', mb: 1 }, 512 * 1024, false],
    [{ how: 'none', mb: 0 }, 512 * 1024, true],
  ] as const) {
    it(`clears as told: ${clearing.how}, ${clearing.mb} MB`, async () => {
      const path = await device(8)
      const disks = make([path], clearing)
      const guest = systemRandom.uuid()
      await disks.createBlank(await diskOf(disks, guest))
      await run('qemu-io', ['-f', 'raw', '-c', `write -P 0x55 ${at} 512`, path])
      await disks.removeGuest(guest)
      assert.equal((await bytes(path, at)).equals(Buffer.alloc(512, 0x55)), stays)
    })
  }

  it('a wipe that dies half-way is done again before anybody else gets the device', async () => {
    const path = await device(8)
    const directory = join(root, 'dying')
    const guest = systemRandom.uuid()
    const dying = disksOn([path], directory)
    await dying.createBlank(await diskOf(dying, guest))
    await run('blockdev', ['--setro', path])
    await assert.rejects(dying.removeGuest(guest), CommandFailed)
    await run('blockdev', ['--setrw', path])
    const next = disksOn([path], directory)
    await assert.rejects(next.claim({ guest: systemRandom.uuid(), size: MB }), refused(/is the disk of/))
    await next.removeGuest(guest)
    await next.claim({ guest: systemRandom.uuid(), size: MB })
  })

  it('seed-8.5.16-3: one that is too small is refused, with its size', async () => {
    const disks = make([await device(8)])
    await assert.rejects(
      disks.claim({ guest: systemRandom.uuid(), size: 1024 * MB }),
      refused(/has 8 MB, asked are 1024/),
    )
    await assert.rejects(make([]).claim({ guest: systemRandom.uuid(), size: 1 }), refused(/there is none/))
  })

  const trouble: [string, (path: string) => Promise<() => Promise<void>>, RegExp][] = [
    [
      'mounted',
      async (path) => {
        await run('mkfs.ext4', ['-q', path])
        const at = join(root, `mnt${count++}`)
        await mkdir(at)
        await run('mount', [path, at])
        return async () => void (await run('umount', [at]))
      },
      /is mounted on .*mnt/,
    ],
    [
      'a physical volume',
      async (path) => {
        const env = { ...process.env, LVM_SYSTEM_DIR: root, LVM_SUPPRESS_FD_WARNINGS: '1' }
        await run('pvcreate', ['-y', path], { env })
        return async () => undefined
      },
      /is a physical volume of LVM/,
    ],
    [
      'swap',
      async (path) => {
        await run('mkswap', [path])
        await run('swapon', [path])
        return async () => void (await run('swapoff', [path]))
      },
      /is swap space/,
    ],
    [
      'partly mounted',
      async (path) => {
        await run('dd', [`of=${path}`, 'conv=notrunc', 'status=none'], { input: partitionTable(2048, 16_384) })
        await run('partx', ['--add', path])
        const at = join(root, `mnt${count++}`)
        await mkdir(at)
        await run('mkfs.ext4', ['-q', `${path}p1`])
        await run('mount', [`${path}p1`, at])
        assert.match((await troubleOf(`${path}p1`))!, /is a partition/)
        return async () => {
          await run('umount', [at])
          await run('partx', ['--delete', path])
        }
      },
      /has the partition loop\d+p1, which is mounted on/,
    ],
    [
      'held by another',
      async (path) => {
        const held = await open(path, constants.O_RDONLY | constants.O_EXCL)
        return () => held.close()
      },
      /is held by another program/,
    ],
    [
      'read-only',
      async (path) => {
        await run('blockdev', ['--setro', path])
        return async () => void (await run('blockdev', ['--setrw', path]))
      },
      /is read-only/,
    ],
  ]
  for (const [what, spoil, why] of trouble) {
    it(`one that is ${what} is refused`, async () => {
      const path = await device(16)
      const mend = await spoil(path)
      try {
        const disks = make([path])
        await assert.rejects(disks.claim({ guest: systemRandom.uuid(), size: MB }), refused(why))
        assert.match((await disks.disks())[0]!.trouble!, why)
      } finally {
        await mend()
      }
    })
  }

  it('one that comes into use between claim and write is not written', async () => {
    const path = await device(16)
    const disks = make([path])
    const disk = await diskOf(disks, systemRandom.uuid())
    const held = await open(path, constants.O_RDONLY | constants.O_EXCL)
    await assert.rejects(disks.createFrom(disk, await base('never ')), refused(/is held by another program/))
    await held.close()
    assert.deepEqual(await bytes(path, 0), Buffer.alloc(512))
  })

  it('a file, or nothing, is no device', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')
    for (const path of [file, '/dev/none', '/dev/null']) {
      assert.match((await troubleOf(path))!, /is not there, or is no block device/)
    }
  })

  it('the disk of one guest is never prepared for another', async () => {
    const disks = make([await device(8)])
    const disk = await diskOf(disks, systemRandom.uuid())
    await assert.rejects(disks.prepare(systemRandom.uuid(), [disk]), refused(/is the disk of/))
  })

  it('notes are where they are looked for, and no others', async () => {
    const path = await device(8)
    const directory = join(root, `notes${count++}`)
    await disksOn([path], directory).claim({ guest: systemRandom.uuid(), size: MB })
    assert.deepEqual(await readdir(directory), [encodeURIComponent(path)])
  })
})

/** A first sector with one partition, in sectors. */
function partitionTable(start: number, length: number): Buffer {
  const sector = Buffer.alloc(512)
  sector[450] = 0x83
  sector.writeUInt32LE(start, 454)
  sector.writeUInt32LE(length, 458)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
