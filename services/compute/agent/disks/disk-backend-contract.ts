// What every disk backend must do: one suite, run by the tests of each.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import type { GuestDisk } from '../guest-spec.ts'
import type { BaseImage, DiskBackend, DiskPlace } from './disk-backend.ts'
import { MB } from './disk-mapping.ts'
import { convert } from './qemu-img.ts'

export interface ContractBackend {
  /** The backend as a process finds it when it starts: opened again each time. */
  open(): Promise<DiskBackend>
  /** The folder of a guest, which the caller of a backend makes first and removes last. */
  folder(guest: string): string
  /** What `place` answers, where a place must be asked for otherwise. */
  claim?(guest: string, size: number): Promise<DiskPlace>
  /** Bytes of every disk, where disks cannot have the size they are asked for. */
  fixedSize?: number
}

const SIZE = 16 * MB
const IMAGE = Buffer.alloc(2 * MB, 'content of the image ')

export function diskBackendContract(name: string, world: ContractBackend): void {
  describe(`disk backend contract: ${name}`, () => {
    let directory: string
    let backend: DiskBackend
    let base: BaseImage
    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kilonova-backend-'))
      base = { path: join(directory, 'base'), size: IMAGE.length }
      await writeFile(base.path, IMAGE)
      backend = await world.open()
    })
    after(() => rm(directory, { recursive: true }))

    /** A disk that is still to be made, of a new guest. */
    const plan = async (guest: string, file = 'disk', size = SIZE): Promise<GuestDisk> => {
      await mkdir(world.folder(guest), { recursive: true })
      const place = (await world.claim?.(guest, size)) ?? backend.place(guest, file)
      const disk: GuestDisk = { role: 'root', ...place, device: 'disk', bus: 'virtio', target: 'vda', size }
      await backend.prepare?.(guest, [disk])
      return disk
    }
    const read = async (disk: GuestDisk, length: number): Promise<Buffer> => {
      const { path, format } = await backend.facts(disk)
      const raw = join(directory, 'out')
      await convert({ from: path, fromFormat: format, to: raw, toFormat: 'raw' })
      const file = await open(raw)
      try {
        return (await file.read(Buffer.alloc(length), 0, length, 0)).buffer
      } finally {
        await file.close()
      }
    }
    const write = (disk: GuestDisk, pattern: number, at: number): Promise<unknown> =>
      run('qemu-io', ['-f', disk.format, '-c', `write -P ${pattern} ${at} 512`, disk.source.path])
    const guests: string[] = []
    const newGuest = (): string => {
      guests.push(systemRandom.uuid())
      return guests.at(-1)!
    }
    const clear = async (): Promise<void> => {
      for (const guest of guests.splice(0)) {
        for (let i = 0; i < 2; i++) await backend.removeGuest(guest)
        await rm(world.folder(guest), { recursive: true, force: true })
      }
    }

    test('a disk has the content of its image, and a second call leaves what was written since', async () => {
      const disk = await plan(newGuest())
      assert.equal(await backend.exists(disk), false)
      await backend.createFrom(disk, base)
      assert.equal(await backend.exists(disk), true)
      assert.deepEqual(await read(disk, IMAGE.length), IMAGE)
      await write(disk, 0x42, 4096)
      await backend.prepare?.(guests.at(-1)!, [disk])
      await backend.createFrom(disk, base)
      backend = await world.open()
      await backend.createFrom(disk, base)
      assert.equal((await read(disk, IMAGE.length))[4096], 0x42)
      const { virtualSize, path, format } = await backend.facts(disk)
      assert.deepEqual([path, format], [disk.source.path, disk.format])
      assert.equal(virtualSize, world.fixedSize ?? SIZE)
      await backend.remove(disk)
      await backend.remove(disk)
      assert.equal(await backend.exists(disk), false)
      await clear()
    })

    test('an empty disk has the file system that it is given', async () => {
      const disk = await plan(newGuest(), 'disk.swap')
      await backend.createBlank(disk, async (path) => void (await run('mkswap', [path])))
      await backend.createBlank(disk, async () => assert.fail('it is there'))
      assert.equal((await read(disk, 4096)).subarray(4086).toString(), 'SWAPSPACE2')
      await clear()
    })

    test('what cannot be written leaves no disk, and then it can', async () => {
      const disk = await plan(newGuest())
      await assert.rejects(
        backend.createFrom(disk, { path: join(directory, 'missing'), size: MB }).then(() => read(disk, 1)),
      )
      await backend.remove(disk)
      const again = await plan(guests.at(-1)!)
      const failing = async (): Promise<void> => {
        throw new Error('the host died')
      }
      await assert.rejects(backend.createBlank(again, failing), /the host died/)
      assert.equal(await backend.exists(again), false)
      backend = await world.open()
      await backend.createFrom(again, base)
      assert.deepEqual(await read(again, IMAGE.length), IMAGE)
      await clear()
    })

    test('a disk grows with its content, or says that it cannot', async () => {
      const guest = newGuest()
      const disk = await plan(guest)
      await backend.createFrom(disk, base)
      await backend.grow(disk, SIZE / 2)
      const larger = 2 * SIZE
      if (world.fixedSize !== undefined) {
        await assert.rejects(backend.grow(disk, world.fixedSize + MB), /cannot grow/)
        return clear()
      }
      await backend.prepare?.(guest, [{ ...disk, size: larger }])
      for (let i = 0; i < 2; i++) await backend.grow(disk, larger)
      assert.equal((await backend.facts(disk)).virtualSize, larger)
      assert.deepEqual(await read(disk, IMAGE.length), IMAGE)
      await write(disk, 0x17, larger - 512)
      await clear()
    })

    test('what a guest writes is never taken for a format', async () => {
      const disk = await plan(newGuest())
      await backend.createFrom(disk, base)
      const header = join(directory, 'header')
      await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', header, '1T'])
      const trap = (await readFile(header)).subarray(0, 4096)
      await writeFile(header, trap)
      await run('qemu-io', ['-f', disk.format, '-c', `write -s ${header} 0 4096`, disk.source.path])
      assert.deepEqual(await read(disk, 4096), trap)
      assert.equal((await backend.facts(disk)).virtualSize, world.fixedSize ?? SIZE)
      if (world.fixedSize === undefined) {
        await backend.prepare?.(guests.at(-1)!, [{ ...disk, size: 2 * SIZE }])
        await backend.grow(disk, 2 * SIZE)
      }
      assert.deepEqual(await read(disk, 4096), trap)
      await clear()
    })

    test('of a guest that goes nothing is left, and its room is free again', async () => {
      const before = await backend.space()
      const guest = newGuest()
      const disk = await plan(guest)
      await backend.createFrom(disk, base)
      const held = (await backend.holdings?.()) ?? []
      assert.ok(held.every((holding) => holding.guest === guest))
      if (backend.pool !== 'files') {
        assert.ok(held.length > 0)
        assert.ok((await backend.space()).used >= before.used + SIZE)
      }
      await clear()
      assert.deepEqual((await backend.holdings?.()) ?? [], [])
      if (backend.pool !== 'files') assert.deepEqual(await backend.space(), before)
    })
  })
}
