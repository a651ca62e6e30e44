// XDR against bytes written by hand, and back and forth with made-up values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { domain, domainOf, paramValues, typedParams, uuid } from './wire-types.ts'
import type { Schema } from './xdr.ts'
import {
  always,
  array,
  bool,
  chars,
  decode,
  encode,
  f64,
  fixed,
  flags,
  i32,
  i64,
  mapped,
  opaque,
  optional,
  string,
  struct,
  u32,
  u64,
  XdrError,
} from './xdr.ts'

// biome-ignore lint/suspicious/noExplicitAny: schemas of every type in one table
const known: [string, Schema<any, any>, unknown, string][] = [
  ['u32', u32, 0xfffffffe, 'fffffffe'],
  ['i32', i32, -2, 'fffffffe'],
  ['u64', u64, 2n ** 63n, '8000000000000000'],
  ['i64', i64, -1n, 'ffffffffffffffff'],
  ['f64', f64, 1.5, '3ff8000000000000'],
  ['bool', bool, true, '00000001'],
  ['a string is padded', string, 'grün!', '00000006' + '6772c3bc6e210000'],
  ['an empty string', string, '', '00000000'],
  ['opaque', opaque, Buffer.from([1]), '0000000101000000'],
  ['fixed is padded', fixed(5), Buffer.from('abcde'), '6162636465000000'],
  ['chars are words', chars(3), 'ab', '000000610000006200000000'],
  ['an absent optional', optional(u32), null, '00000000'],
  ['a present optional', optional(u32), 7, '0000000100000007'],
  ['array', array(i32), [1, -1], '0000000200000001ffffffff'],
  ['struct', struct({ a: u32, b: string }), { a: 1, b: 'x' }, '000000010000000178000000'],
  ['uuid', uuid, '00112233-4455-6677-8899-aabbccddeeff', '00112233445566778899aabbccddeeff'],
]

for (const [name, schema, value, hex] of known) {
  test(`${name} lies as RFC 4506 says`, () => {
    assert.equal(encode(schema, value).toString('hex'), hex)
    assert.deepEqual(decode(schema, Buffer.from(hex, 'hex')), value)
  })
}

test('typed parameters carry the number of their type', () => {
  const bytes = encode(typedParams, [{ field: 'on', type: 'boolean', value: true }])
  assert.equal(bytes.toString('hex'), '00000001' + '000000026f6e0000' + '00000006' + '00000001')
  assert.throws(
    () => decode(typedParams, Buffer.from('00000001' + '000000026f6e0000' + '00000008', 'hex')),
    /unknown type 8/,
  )
})

test('what may be left out is written as its default', () => {
  const schema = struct({ needResults: always(1), name: optional(string), flags })
  assert.equal(encode(schema, {}).toString('hex'), '000000010000000000000000')
  assert.equal(encode(flags, 2 ** 31).toString('hex'), '80000000')
})

test('a domain is found by its uuid alone', () => {
  const known = domainOf('00112233-4455-6677-8899-aabbccddeeff')
  assert.equal(encode(domain, known).toString('hex'), '00000000' + '00112233445566778899aabbccddeeff' + 'ffffffff')
})

const refused: [string, () => unknown, RegExp][] = [
  ['a negative u32', () => encode(u32, -1), /not in 0/],
  ['a fraction', () => encode(i32, 1.5), /1\.5/],
  ['an unsafe 64-bit number', () => encode(u64, 2 ** 60), /not a safe integer/],
  ['a u64 that is too large', () => encode(u64, 2n ** 64n), /not in 0/],
  ['undefined for a string', () => encode(struct({ a: string }), { a: undefined } as never), /^XdrError: a: undefined/],
  ['text that is no uuid', () => encode(struct({ dom: domain }), { dom: domainOf('x') }), /dom: uuid: x is not/],
  ['too few fixed bytes', () => encode(fixed(4), Buffer.alloc(3)), /3 bytes in place of 4/],
  ['bytes left over', () => decode(u32, Buffer.alloc(8)), /4 bytes left over/],
  ['too few bytes', () => decode(struct({ a: u64 }), Buffer.alloc(4)), /a: needs 8 bytes, has 4/],
  ['a string longer than the rest', () => decode(string, Buffer.from('7fffffff61000000', 'hex')), /needs/],
  ['an array longer than the rest', () => decode(array(u32), Buffer.from('7fffffff', 'hex')), /cannot lie in/],
]

for (const [name, work, message] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(work, (error) => error instanceof XdrError && message.test(String(error)))
  })
}

const typed = <Type extends string, Value>(type: Type, value: fc.Arbitrary<Value>) =>
  fc.tuple(fc.string(), value).map(([field, given]) => ({ field, type, value: given }))

const param = fc.oneof(
  typed('int', fc.integer()),
  typed('uint', fc.nat()),
  typed('llong', fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  typed('ullong', fc.bigInt(0n, 2n ** 64n - 1n)),
  typed('double', fc.double()),
  typed('boolean', fc.boolean()),
  typed('string', fc.string({ unit: 'grapheme' })),
)

test('whatever is written is read back', () => {
  const schema = struct({ params: typedParams, name: optional(string), data: opaque, list: array(i64), id: uuid })
  const values = fc.record({
    params: fc.array(param),
    name: fc.option(fc.string({ unit: 'grapheme' })),
    data: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    list: fc.array(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
    id: fc.uuid(),
  })
  fc.assert(
    fc.property(values, ({ ...value }) => {
      const bytes = encode(schema, value)
      assert.equal(bytes.length % 4, 0)
      assert.deepEqual(decode(schema, bytes), value)
    }),
  )
})

test('broken bytes are an XdrError and nothing else', () => {
  const schema = struct({ params: typedParams, name: optional(string), dom: domain })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decode(schema, Buffer.from(bytes))
      } catch (error) {
        assert.ok(error instanceof XdrError)
      }
    }),
  )
})

test('mapped changes the type and not the bytes', () => {
  const upper = mapped(string, { read: (text) => text.toUpperCase(), write: (text: string) => text.toLowerCase() })
  assert.equal(encode(upper, 'AB').toString('hex'), '0000000261620000')
  assert.equal(decode(upper, encode(upper, 'AB')), 'AB')
})

test('typed parameters by name', () => {
  const values = paramValues([
    { field: 'cpu.time', type: 'ullong', value: 12n },
    { field: 'state.state', type: 'int', value: 1 },
    { field: 'name', type: 'string', value: 'x' },
  ])
  assert.deepEqual(values, { 'cpu.time': 12, 'state.state': 1, name: 'x' })
})
