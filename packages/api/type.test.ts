import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Type as TypeBox } from 'typebox'
import { Type } from './type.ts'

type Builders = typeof Type

function schemas(T: Builders) {
  const text = T.String({ minLength: 1 })
  return [
    T.Any({ title: 'x' }),
    T.Unknown(),
    T.Boolean(),
    T.Integer({ minimum: 0 }),
    T.Null(),
    T.Number(),
    T.Array(T.Optional(text), { maxItems: 3 }),
    T.Literal('word'),
    T.Literal(3),
    T.Literal(true),
    T.Record(T.String(), T.Number(), { maxProperties: 2 }),
    T.Union([text, T.Null()], { title: 'y' }),
    T.Unsafe<number>({ type: ['integer', 'string'] }),
    T.Object({}),
    T.Object({ a: T.Optional(text), b: text, c: T.Optional(T.Object({ d: text })) }, { additionalProperties: false }),
    T.Object({ a: T.Optional(text) }),
  ]
}

it('makes the same JSON as TypeBox', () => {
  assert.deepEqual(JSON.stringify(schemas(Type)), JSON.stringify(schemas(TypeBox as unknown as Builders)))
})

it('leaves a schema required where it is not made optional', () => {
  const text = Type.String()
  assert.deepEqual(Object.keys(Type.Object({ a: Type.Optional(text) })), ['type', 'properties'])
  assert.deepEqual(Type.Object({ a: text }).required, ['a'])
})
