// What an inspection costs at most, whatever an image says about itself.
import assert from 'node:assert/strict'
import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { refusals } from './acceptance.ts'
import { inspectFile } from './inspect-file.ts'
import { StreamInspector } from './inspect-stream.ts'
import { inDirectory, le64, made, patched } from './testing.ts'
import type { HostileImage } from './testing-hostile.ts'
import { hostileImages, standingOn } from './testing-hostile.ts'

const MIB = 1024 * 1024
const MOST_READ = 2 * MIB
const MOST_HELD = 24 * MIB

/** A VHDX whose metadata lies where no honest one has it. */
async function farTables(): Promise<Buffer> {
  const image = await made('vhdx')
  const metadata = Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex')
  const first = image.indexOf(metadata)
  const second = image.indexOf(metadata, first + 1)
  const far = le64(BigInt(40 * MIB))
  return patched(patched(image, first + 16, far), second + 16, far)
}

async function images(): Promise<HostileImage[]> {
  const far = { title: 'vhdx with far tables', declared: 'vhdx', content: await farTables(), why: /./ }
  return [...(await hostileImages()), far]
}

/** Bytes that this process has read until now, by whatever call. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))![1])
}

async function readBy(work: () => Promise<unknown>): Promise<number> {
  const before = await bytesRead()
  await work()
  return (await bytesRead()) - before
}

describe('an inspection', () => {
  it('of a file reads little of it, however large it is', () =>
    inDirectory(async (directory) => {
      const path = join(directory, 'image')
      for (const { title, content } of await images()) {
        await writeFile(path, content)
        await inspectFile(path)
        await truncate(path, Math.max(content.length, 2 ** 40))
        const read = await readBy(() => inspectFile(path))
        assert.ok(read < MOST_READ, `${title}: ${read} bytes`)
      }
    }))

  it('of a stream holds little of it, however long it is', async () => {
    const zeros = Buffer.alloc(4 * MIB)
    for (const { title, content } of await images()) {
      const inspector = new StreamInspector()
      inspector.push(content)
      for (let sent = 0; sent < 64 * MIB; sent += zeros.length) {
        inspector.push(zeros)
        assert.ok(inspector.held < MOST_HELD, `${title}: ${inspector.held} bytes`)
      }
      inspector.finish()
    }
  })

  it('of a chain of 10,000 images, or of one below itself, opens the one that it is asked about', () =>
    inDirectory(async (directory) => {
      const whole = await made('qcow2')
      const chain = join(directory, 'chain')
      await mkdir(chain)
      const header = whole.subarray(0, 4096)
      for (let depth = 0; depth < 10_000; depth++) {
        const below = depth === 0 ? header : standingOn(header, join(chain, String(depth - 1)))
        await writeFile(join(chain, String(depth)), below)
      }
      const costs: number[] = []
      for (const below of ['none', join(chain, '9999'), join(directory, 'image')]) {
        const path = join(directory, 'image')
        await writeFile(path, standingOn(whole, below))
        costs.push(
          await readBy(async () => {
            const problems = refusals('qcow2', await inspectFile(path))
            assert.deepEqual(
              problems.map(({ what }) => what),
              ['backing-file'],
            )
          }),
        )
      }
      const [alone, deep, cyclic] = costs as [number, number, number]
      assert.ok(Math.max(deep, cyclic) < alone + 65_536, costs.join(' '))
    }))
})
