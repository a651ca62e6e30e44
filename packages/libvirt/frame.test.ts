// Frames: their bytes, and their finding in a stream however it is cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame } from './frame.ts'
import { encodeFrame, FrameParser, frameStatus, frameTypes, programs } from './frame.ts'
import { u32 } from './xdr.ts'

const header = { program: programs.remote, procedure: 66, type: frameTypes.call, serial: 9, status: frameStatus.ok }

test('the length counts itself, the version is 1', () => {
  const bytes = encodeFrame(header, (to) => u32.write(to, 5))
  assert.equal(bytes.toString('hex'), '00000020200080860000000100000042000000000000000900000000' + '00000005')
  assert.equal(encodeFrame(header).length, 28)
})

function parse(chunks: Buffer[]): Frame[] {
  const parser = new FrameParser()
  const found: Frame[] = []
  for (const chunk of chunks)
    parser.push(chunk, (frame) => found.push({ ...frame, payload: Buffer.from(frame.payload) }))
  return found
}

test('frames are found however the stream is cut', () => {
  const frames = fc.array(fc.record({ serial: fc.nat(), payload: fc.uint8Array({ maxLength: 300 }) }), { minLength: 1 })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 })), (sent, cuts) => {
      const whole = Buffer.concat(
        sent.map(({ serial, payload }) =>
          encodeFrame({ ...header, serial }, (to) => {
            const { buffer, at } = to.reserve(payload.length)
            buffer.set(payload, at)
          }),
        ),
      )
      const chunks: Buffer[] = []
      let at = 0
      for (const size of [...cuts, whole.length]) {
        if (at >= whole.length) break
        chunks.push(whole.subarray(at, at + size))
        at += size
      }
      const found = parse(chunks)
      const expected = sent.map(({ serial, payload }) => ({ ...header, serial, payload: Buffer.from(payload) }))
      assert.deepEqual(found, expected)
    }),
  )
})

for (const length of [0, 27, 32 * 1024 * 1024 + 5, 0xffffffff]) {
  test(`a frame of ${length} bytes is refused`, () => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(length)
    assert.throws(() => parse([bytes]), /cannot have/)
  })
}

test('what is larger than libvirt takes is not sent', () => {
  assert.throws(() => encodeFrame(header, (to) => to.reserve(32 * 1024 * 1024)), /larger than libvirt takes/)
})
