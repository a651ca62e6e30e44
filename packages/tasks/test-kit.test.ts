import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memoryStore, onBothStores } from '@kilonova/store/testing'
import type { AnySaga } from './saga.ts'
import { saga } from './saga.ts'
import { taskSchema } from './schema.ts'
import type { Task } from './task.ts'
import type { FaultCase } from './test-kit.ts'
import { faultCases, stepFaultMatrix } from './test-kit.ts'
import type { ToyDeps, ToyInput } from './toy-world.ts'
import { buildToy, deleteToy, Toys, toyContext, toySchema } from './toy-world.ts'

const about = { resource: ({ id }: ToyInput) => ({ type: 'toy', id }) }
const attach = ({ input, deps }: { input: ToyInput; deps: ToyDeps }, part: string) =>
  new Toys(deps.store).attach(input.id, part)
const detach = ({ input, deps }: { input: ToyInput; deps: ToyDeps }, part: string) =>
  new Toys(deps.store).detach(input.id, part)

it('enumerates every task, step, direction, place and fault', () => {
  const cases = faultCases([buildToy, deleteToy])
  assert.equal(cases.length, (3 + 2 + 1) * 3 * 4)
  assert.equal(new Set(cases.map(({ failpoint }) => failpoint)).size, cases.length)
  const failpoints = cases.map(({ failpoint }) => failpoint)
  assert.ok(failpoints.includes('toy.build.body:before:crash'))
  assert.ok(failpoints.includes('toy.build.running:effect:error,toy.build.body.undo:after:repeat'))
})

/** A fresh store for each case. */
type Open = Parameters<Parameters<typeof onBothStores>[1]>[0]

const matrixOn =
  (open: Open) => (sagas: AnySaga<ToyDeps>[], begun: AnySaga<ToyDeps>, only?: (kase: FaultCase) => boolean) =>
    stepFaultMatrix<ToyDeps>({
      sagas,
      only: (kase) => kase.task === begun.name && (only?.(kase) ?? true),
      async makeWorld() {
        const store = await open(taskSchema, toySchema)
        const toys = new Toys(store)
        return {
          store,
          deps: { store },
          async begin(tasks) {
            await toys.add('a')
            if (begun === deleteToy) await toys.attach('a', 'body')
            return tasks.enqueue(begun, { input: { id: 'a' }, context: toyContext })
          },
          async check(task: Task) {
            const parts = await toys.parts('a')
            if (task.state === 'undone') assert.deepEqual(parts, [], 'an undone toy has parts left')
            else if (begun !== deleteToy) assert.deepEqual(parts, ['body', 'wheels'])
            for (const said of new Set(await toys.events('a'))) {
              const times = (await toys.events('a')).filter((other) => other === said).length
              assert.equal(times, 1, `${said} was told ${times} times`)
            }
          },
          snapshot: () => toys.everything(),
          close: () => store.close(),
        }
      },
    })

onBothStores('step fault matrix', (open) => {
  it('passes a task whose process dies at each step', async () => {
    const crash = ({ fault, place }: FaultCase) => fault === 'crash' && place !== 'before'
    assert.equal((await matrixOn(open)([buildToy, deleteToy], buildToy, crash)).cases, 10)
  })
})

describe('step fault matrix', () => {
  const matrix = matrixOn(memoryStore)

  it('passes a task that keeps the three laws', async () => {
    assert.equal((await matrix([buildToy, deleteToy], buildToy)).cases, 60)
  })

  it('passes a task without undo', async () => {
    const never = ({ fault }: FaultCase) => fault !== 'error' && fault !== 'hang'
    assert.equal((await matrix([buildToy, deleteToy], deleteToy, never)).cases, 6)
  })

  const wrong = (name: string, undo: (run: { input: ToyInput; deps: ToyDeps; done: { body?: unknown } }) => unknown) =>
    saga<ToyInput, ToyDeps>(name, about)
      .step('body', { do: (run) => attach(run, 'body'), undo })
      .step('wheels', { do: (run) => attach(run, 'wheels'), undo: (run) => detach(run, 'wheels') })
      .end()

  it('catches an undo that forgets', async () => {
    const forgets = wrong('toy.forget', () => undefined)
    await assert.rejects(matrix([forgets], forgets), /toy\.forget\.wheels:before:error: an undone toy has parts left/)
  })

  it('catches an undo that needs a finished do', async () => {
    const needs = wrong('toy.need', async (run) => {
      if (run.done.body === undefined) throw new Error('which body?')
      await detach(run, 'body')
    })
    const expected = /toy\.need\.body:effect:error: the task is stuck at body \(undo\): which body\?/
    await assert.rejects(matrix([needs], needs), expected)
  })

  it('catches a do that may not run twice', async () => {
    const twice = saga<ToyInput, ToyDeps>('toy.twice', about)
      .step('body', {
        do: async (run) => {
          const name = (await new Toys(run.deps.store).parts(run.input.id)).length === 0 ? 'body' : 'wheels'
          await attach(run, name)
        },
        undo: (run) => detach(run, 'body'),
      })
      .step('wheels', { do: (run) => attach(run, 'wheels'), undo: (run) => detach(run, 'wheels') })
      .step('third', {
        do: async (run) => {
          if ((await new Toys(run.deps.store).parts(run.input.id)).length > 2) throw new Error('too many')
        },
      })
      .end({ done: (run) => attach(run, `done-${run.attempt}`) })
    await assert.rejects(matrix([twice], twice), /cases failed/)
  })

  it('catches a fault that never fires', async () => {
    const stops = saga<ToyInput, ToyDeps>('toy.stop', about)
      .step('body', {
        do: () => {
          throw new Error('never')
        },
      })
      .step('wheels', { do: () => null })
      .end()
    await assert.rejects(matrix([stops], stops), /toy\.stop\.wheels:before:crash never fired/)
  })
})
