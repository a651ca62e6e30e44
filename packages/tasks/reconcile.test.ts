import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Reconciler } from './reconcile.ts'

function worldOf(wanted: string[], seen: string[]) {
  const world = { wanted, seen, fails: false }
  const reconciler = new Reconciler<string, { name: string }>({
    wanted: () => world.wanted,
    seen: () => {
      if (world.fails) throw new Error('cannot look')
      return world.seen.map((name) => ({ name }))
    },
    keyOfWanted: (name) => name,
    keyOfSeen: ({ name }) => name,
  })
  const sample = async () => {
    const { missing, unwanted, both } = await reconciler.sample()
    return { missing, unwanted: unwanted.map(({ name }) => name), both: both.map(({ wanted: name }) => name) }
  }
  return { world, reconciler, sample }
}

it('believes an absence only when two samples agree', async () => {
  const { world, sample } = worldOf(['a', 'b'], ['a'])
  assert.deepEqual(await sample(), { missing: [], unwanted: [], both: ['a'] })
  assert.deepEqual(await sample(), { missing: ['b'], unwanted: [], both: ['a'] })
  world.seen = ['a', 'b']
  assert.deepEqual(await sample(), { missing: [], unwanted: [], both: ['a', 'b'] })
})

it('survives one empty answer', async () => {
  const { world, sample } = worldOf(['a', 'b'], ['a', 'b'])
  world.seen = []
  assert.deepEqual((await sample()).missing, [])
  world.seen = ['a', 'b']
  assert.deepEqual((await sample()).missing, [])
  world.seen = []
  assert.deepEqual((await sample()).missing, [])
})

it('calls a thing unwanted only when nobody wanted it twice', async () => {
  const { world, sample } = worldOf([], ['new'])
  assert.deepEqual((await sample()).unwanted, [])
  world.wanted = ['new']
  assert.deepEqual((await sample()).unwanted, [])
  world.wanted = []
  assert.deepEqual((await sample()).unwanted, [])
  assert.deepEqual((await sample()).unwanted, ['new'])
})

it('takes a failed look for no sample, and begins anew after a reset', async () => {
  const { world, reconciler, sample } = worldOf(['a'], [])
  await sample()
  world.fails = true
  await assert.rejects(sample(), /cannot look/)
  world.fails = false
  assert.deepEqual((await sample()).missing, ['a'])
  reconciler.reset()
  assert.deepEqual((await sample()).missing, [])
})
