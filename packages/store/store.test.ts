import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { takeLock } from './lock.ts'
import type { ServiceSchema } from './schema.ts'
import { schemaVersion, syncSchema } from './schema.ts'
import { isDuplicate, openStore } from './store.ts'
import { onBothStores } from './testing.ts'

interface Tables {
  things: { id: string; size: number; note: string | null }
}

const schema: ServiceSchema = {
  service: 'test',
  steps: [
    {
      name: '0001-things',
      up: (db) =>
        db.schema
          .createTable('things')
          .addColumn('id', 'text', (column) => column.primaryKey())
          .addColumn('size', 'bigint', (column) => column.notNull())
          .addColumn('note', 'text')
          .execute(),
    },
  ],
}

const thing = (id: string, size = 1) => ({ id, size, note: null })

onBothStores('store', (open) => {
  it('keeps numbers beyond 32 bits as numbers', async () => {
    const store = await open(schema)
    await store
      .as<Tables>()
      .insertInto('things')
      .values(thing('a', 2 ** 40))
      .execute()
    const row = await store.as<Tables>().selectFrom('things').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual({ ...row }, { id: 'a', size: 2 ** 40, note: null })
  })

  it('undoes the whole transaction, joined ones included, and tells nobody', async () => {
    const store = await open(schema)
    let told = 0
    const work = store.transaction(async () => {
      store.afterCommit(() => told++)
      await store.transaction(() => store.as<Tables>().insertInto('things').values(thing('a')).execute())
      throw new Error('no')
    })
    await assert.rejects(work, /no/)
    assert.equal((await store.as<Tables>().selectFrom('things').selectAll().execute()).length, 0)
    assert.equal(told, 0)
  })

  it('keeps concurrent transactions apart', async () => {
    const store = await open(schema)
    await store.as<Tables>().insertInto('things').values(thing('a', 0)).execute()
    const add = () =>
      store.transaction(async () => {
        await store.as<Tables>().selectFrom('things').selectAll().execute()
        await store
          .as<Tables>()
          .updateTable('things')
          .set((eb) => ({ size: eb('size', '+', 1) }))
          .execute()
      })
    await Promise.all(Array.from({ length: 20 }, add))
    assert.equal((await store.as<Tables>().selectFrom('things').selectAll().executeTakeFirstOrThrow()).size, 20)
  })

  it('keeps those that succeed beside one that fails', async () => {
    const store = await open(schema)
    const insert = (id: string, fails: boolean) =>
      store.transaction(async () => {
        await store.as<Tables>().insertInto('things').values(thing(id)).execute()
        if (fails) throw new Error(`no ${id}`)
      })
    const ends = await Promise.allSettled([insert('a', false), insert('b', true), insert('c', false)])
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    const rows = await store.as<Tables>().selectFrom('things').select('id').orderBy('id').execute()
    assert.deepEqual(
      rows.map((row) => row.id),
      ['a', 'c'],
    )
  })

  it('runs each transaction in the context of its caller', async () => {
    const store = await open(schema)
    const who = new AsyncLocalStorage<string>()
    const seen = (name: string) => who.run(name, () => store.transaction(async () => who.getStore()))
    assert.deepEqual(await Promise.all(['alice', 'bob', 'carol'].map(seen)), ['alice', 'bob', 'carol'])
  })

  it('rejects the transactions of a store that is closed', async () => {
    const store = await open(schema)
    await store.close()
    const insert = () => store.transaction(() => store.as<Tables>().insertInto('things').values(thing('a')).execute())
    const ends = await Promise.allSettled([insert(), insert()])
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
  })

  it('names a duplicate', async () => {
    const store = await open(schema)
    await store.as<Tables>().insertInto('things').values(thing('a')).execute()
    const again = store.as<Tables>().insertInto('things').values(thing('a')).execute()
    await assert.rejects(again, (error) => isDuplicate(error))
  })

  it('matches regular expressions', async () => {
    const store = await open(schema)
    await store
      .as<Tables>()
      .insertInto('things')
      .values([thing('web-1'), thing('db-1')])
      .execute()
    const found = await store
      .as<Tables>()
      .selectFrom('things')
      .select('id')
      .where(store.matches('id', '^web'))
      .execute()
    assert.deepEqual(
      found.map((row) => row.id),
      ['web-1'],
    )
  })

  it('syncs once, and resumes after a step that failed', async () => {
    const store = await open()
    let broken = true
    const steps = [
      ...schema.steps,
      { name: '0002-more', up: (db: Parameters<(typeof schema.steps)[0]['up']>[0]) => grow(db) },
    ]
    const grow = async (db: Parameters<(typeof schema.steps)[0]['up']>[0]): Promise<void> => {
      await db.schema.alterTable('things').addColumn('colour', 'text').execute()
      if (broken) throw new Error('interrupted')
    }
    await assert.rejects(syncSchema(store, [{ service: 'test', steps }]), /interrupted/)
    assert.deepEqual((await schemaVersion(store, [{ service: 'test', steps }])).pending, ['test/0002-more'])
    broken = false
    assert.deepEqual(await syncSchema(store, [{ service: 'test', steps }]), ['test/0002-more'])
    assert.deepEqual(await syncSchema(store, [{ service: 'test', steps }]), [])
  })
})

it('lets one process at a time hold a lock', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-lock-'))
  const first = takeLock(join(directory, 'lock'))
  assert.ok(first)
  assert.equal(takeLock(join(directory, 'lock')), undefined)
  first.release()
  const second = takeLock(join(directory, 'lock'))
  assert.ok(second)
  second.release()
  await rm(directory, { recursive: true })
})

it('refuses a url it does not know', () => {
  assert.throws(() => openStore({ url: 'mysql://x' }), /sqlite: or postgres/)
})
