import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { answerSchema, KeptAnswers } from './kept-answers.ts'
import type { ServiceSchema } from './schema.ts'
import type { Suite } from './testing.ts'
import { onBothStores, onSqliteFiles } from './testing.ts'

interface Tables {
  made: { name: string }
  kept_answers: { id: string }
}

const schema: ServiceSchema = {
  service: 'test',
  steps: [
    {
      name: '0001-made',
      up: (db) => db.schema.createTable('made').addColumn('name', 'text').execute(),
    },
  ],
}

const HOUR = 3_600_000

const suite: Suite = (open) => {
  async function kept() {
    const store = await open(schema, answerSchema)
    const clock = new VirtualClock()
    const answers = new KeptAnswers({ store, clock, retention: 3600 })
    const make = (name: string) => async () => {
      await store.as<Tables>().insertInto('made').values({ name }).execute()
      return `answer of ${name}`
    }
    const made = async () =>
      (await store.as<Tables>().selectFrom('made').select('name').execute()).map((row) => row.name)
    const count = async () => (await store.as<Tables>().selectFrom('kept_answers').selectAll().execute()).length
    return { store, clock, answers, make, made, count }
  }

  it('does once what is asked for twice', async () => {
    const { answers, make, made } = await kept()
    assert.equal(await answers.find('x'), undefined)
    assert.deepEqual(await answers.keep('x', make('first')), { answer: 'answer of first', isNew: true })
    assert.deepEqual(await answers.keep('x', make('second')), { answer: 'answer of first', isNew: false })
    assert.equal(await answers.find('x'), 'answer of first')
    assert.deepEqual(await made(), ['first'])
    assert.deepEqual(await answers.keep('y', make('third')), { answer: 'answer of third', isNew: true })
  })

  it('lets one of many at once do it, and tells the others what it answered', async () => {
    const { answers, make, made } = await kept()
    const all = await Promise.all(Array.from({ length: 20 }, (_, index) => answers.keep('x', make(`${index}`))))
    assert.equal(all.filter(({ isNew }) => isNew).length, 1)
    assert.equal(new Set(all.map(({ answer }) => answer)).size, 1)
    assert.equal((await made()).length, 1)
  })

  it('keeps nothing of what failed, so that it can be done again', async () => {
    const { answers, make, made, count } = await kept()
    const failing = answers.keep('x', async () => {
      await make('half')()
      throw new Error('no')
    })
    await assert.rejects(failing, /no/)
    assert.deepEqual([await made(), await count()], [[], 0])
    assert.equal((await answers.keep('x', make('whole'))).isNew, true)
  })

  it('belongs to the transaction that it is asked in', async () => {
    const { store, answers, make, made, count } = await kept()
    const undone = store.transaction(async () => {
      await answers.keep('x', make('undone'))
      throw new Error('no')
    })
    await assert.rejects(undone, /no/)
    assert.deepEqual([await made(), await count()], [[], 0])
  })

  it('forgets after its time, whether or not it has been purged', async () => {
    const { clock, answers, make, made, count } = await kept()
    await answers.keep('x', make('first'))
    await clock.advance(HOUR - 1)
    assert.equal(await answers.find('x'), 'answer of first')
    await answers.purge()
    assert.equal(await count(), 1)
    await clock.advance(1)
    assert.equal(await answers.find('x'), undefined)
    assert.deepEqual(await answers.keep('x', make('second')), { answer: 'answer of second', isNew: true })
    assert.deepEqual([await made(), await count()], [['first', 'second'], 1])
    await clock.advance(HOUR)
    await answers.keep('y', make('third'))
    await answers.purge()
    assert.deepEqual([await answers.find('y'), await count()], ['answer of third', 1])
  })
}

onBothStores('kept answers', suite)
onSqliteFiles('kept answers', suite)
