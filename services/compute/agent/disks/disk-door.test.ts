import assert from 'node:assert/strict'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemRandom } from '@kilonova/base/random'
import { readChunks, writeChunks } from './chunks.ts'
import type { DoorKey } from './disk-door.ts'
import { DiskDoor, fetchFile } from './disk-door.ts'

const MIB = 2 ** 20
const CONTENT = Buffer.from('written far inside')

describe('a private door for disks', () => {
  let directory: string
  let disk: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-door-'))
    disk = join(directory, 'disk')
    const file = await open(disk, 'w')
    await file.write(CONTENT, 0, CONTENT.length, 40 * MIB + 7)
    await file.truncate(64 * MIB + 1)
    await file.close()
  })
  after(() => rm(directory, { recursive: true, force: true }))

  async function withDoor(files: string[], work: (key: DoorKey, door: DiskDoor) => Promise<void>): Promise<void> {
    const door = await DiskDoor.open(files, '127.0.0.1', systemRandom)
    try {
      await work(door.key, door)
    } finally {
      door.close()
    }
  }

  const fetched = async (key: DoorKey, file: number, path: string): Promise<void> =>
    writeChunks(fetchFile(key, file), { path, sparse: true })

  it('gives whoever has the key each file, byte for byte, with its holes', async () => {
    const small = join(directory, 'small')
    await writeFile(small, 'base')
    await withDoor([disk, small], async (key) => {
      const copies = [join(directory, 'copy'), join(directory, 'copy-small')]
      await Promise.all(copies.map((path, file) => fetched(key, file, path)))
      assert.ok((await readFile(copies[0]!)).equals(await readFile(disk)))
      assert.equal(await readFile(copies[1]!, 'utf8'), 'base')
      assert.ok((await stat(copies[0]!)).blocks * 512 < 2 * MIB)
    })
  })

  it('sends no zeros', async () => {
    let sent = 0
    for await (const part of readChunks(disk)) sent += part.length
    assert.ok(sent < MIB, `${sent} bytes`)
  })

  it('gives nothing to a stranger, nor for a file that is not there, nor once it is closed', async () => {
    await withDoor([disk], async (key, door) => {
      const path = join(directory, 'never')
      await assert.rejects(fetched({ ...key, key: '00'.repeat(32) }, 0, path), /decrypt error|bad record mac|alert/i)
      await assert.rejects(fetched(key, 1, path))
      await fetched(key, 0, path)
      door.close()
      await assert.rejects(fetched(key, 0, path), { code: 'ECONNREFUSED' })
    })
  })

  it('that closes in the midst leaves no disk that looks whole', async () => {
    await withDoor([disk], async (key, door) => {
      async function* cut() {
        for await (const part of fetchFile(key, 0)) {
          yield part
          door.close()
        }
      }
      await assert.rejects(writeChunks(cut(), { path: join(directory, 'half'), sparse: true }))
    })
    async function* short() {
      yield Buffer.alloc(5)
    }
    await assert.rejects(writeChunks(short(), { path: join(directory, 'half'), sparse: true }), /ended early/)
  })

  it('fills what is between with zeros on a device that held something else', async () => {
    const device = join(directory, 'device')
    await writeFile(device, Buffer.alloc(65 * MIB, 0xff))
    await writeChunks(readChunks(disk), { path: device, sparse: false })
    const [is, shall] = [await readFile(device), await readFile(disk)]
    assert.ok(is.subarray(0, shall.length).equals(shall))
  })
})
