import assert from 'node:assert/strict'
import { it } from 'node:test'
import { later, saga, taskKind } from './saga.ts'

interface Deps {
  claim(id: string): Promise<string>
}

it('types each step by the steps before it', () => {
  const build = saga<{ id: string }, Deps>('server.build', { resource: ({ id }) => ({ type: 'server', id }) })
    .step('host', {
      do: ({ input, deps }) => deps.claim(input.id),
      undo: ({ done }) => done.host?.length,
    })
    .step('guest', {
      // @ts-expect-error the step `ports` comes later
      do: async ({ done }) => String(done.ports),
      // @ts-expect-error the result of the own step may be missing
      undo: ({ done }) => done.guest.length,
    })
    .step('ports', { do: () => undefined })
    .step('running', {
      do: async ({ done }) => {
        const nothing: null = done.ports
        return done.host === 'a' ? later(2) : nothing
      },
    })
    .end({ done: ({ done }) => done.running satisfies null })
  assert.deepEqual(
    build.steps.map((step) => step.name),
    ['host', 'guest', 'ports', 'running'],
  )
  assert.deepEqual(build.resourceOf({ id: 'x' }), { type: 'server', id: 'x' })
})

it('leaves the builder as it was', () => {
  const first = saga<string, object>('thing.make').step('a', { do: () => 1 })
  const longer = first.step('b', { do: ({ done }) => done.a }).end()
  assert.equal(first.end().steps.length, 1)
  assert.equal(longer.steps.length, 2)
})

it('takes a kind declared elsewhere', () => {
  const kind = taskKind<number>('thing.make', { resource: (n) => ({ type: 'thing', id: String(n) }), deadline: 5 })
  const { name, deadline, mutates } = saga<number, object>(kind)
    .step('a', { do: () => 1 })
    .end()
  assert.deepEqual({ name, deadline, mutates }, { name: 'thing.make', deadline: 5, mutates: true })
})

it('refuses names that failpoints could not say', () => {
  const first = saga<number, object>('thing.make').step('a', { do: () => 1 })
  assert.throws(() => (first as unknown as typeof first).step('a' as 'b', { do: () => 1 }), /two steps named 'a'/)
  assert.throws(() => first.step('undo', { do: () => 1 }), /no name for a step/)
  assert.throws(() => first.step('x.y', { do: () => 1 }), /no name for a step/)
  assert.throws(() => taskKind('make'), /noun.verb/)
  assert.throws(() => saga('thing.make').end(), /no steps/)
})
