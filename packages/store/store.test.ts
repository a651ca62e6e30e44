import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { mayMount, onSmallDisk } from '@kilonova/base/testing-disk'
import type { Kysely } from 'kysely'
import { sql } from 'kysely'
import { takeLock } from './lock.ts'
import type { SchemaStep, ServiceSchema } from './schema.ts'
import { schemaVersion, syncSchema } from './schema.ts'
import type { Store } from './store.ts'
import { isDuplicate, isOutOfSpace, openStore } from './store.ts'
import type { Suite } from './testing.ts'
import { memoryStore, onBothStores, onSqliteFiles } from './testing.ts'

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

const suite: Suite = (open) => {
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

  it('lets the code before use tables that have grown, and not those that were contracted', async () => {
    const store = await open(schema)
    const grown = [...schema.steps, { name: '0002-more', up: (db) => addColour(db) } satisfies SchemaStep]
    const addColour = (db: Kysely<unknown>) => db.schema.alterTable('things').addColumn('colour', 'text').execute()
    await syncSchema(store, [{ service: 'test', steps: grown }])
    assert.deepEqual(await syncSchema(store, [schema]), [])
    const { versions, pending, newer } = await schemaVersion(store, [schema])
    assert.deepEqual([versions, pending, newer], [{ test: '0001-things' }, [], ['test/0002-more']])

    const contracted: SchemaStep[] = [
      ...grown,
      {
        name: '0003-less',
        contracts: true,
        up: (db) => db.schema.alterTable('things').dropColumn('colour').execute(),
      },
    ]
    assert.deepEqual(await syncSchema(store, [{ service: 'test', steps: contracted }]), ['test/0003-less'])
    for (const steps of [grown, schema.steps])
      await assert.rejects(syncSchema(store, [{ service: 'test', steps }]), (error) =>
        isFault(error, 'SchemaContracted'),
      )
    assert.deepEqual(await syncSchema(store, [{ service: 'test', steps: contracted }]), [])
    assert.deepEqual(await syncSchema(store, [{ service: 'other', steps: [] }]), [], 'a service that is not loaded')
  })

  it('makes the tables once when several processes start', async () => {
    const store = await open()
    const ran = await Promise.all(Array.from({ length: 4 }, () => syncSchema(store, [schema])))
    assert.deepEqual(ran.flat(), ['test/0001-things'])
  })
}

onBothStores('store', suite)
onSqliteFiles('store', suite)

/** A transaction that has written and stays open until it is told to end. */
async function openTransaction(store: Store): Promise<() => Promise<void>> {
  const [written, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const work = store.transaction(async () => {
    await store.as<Tables>().insertInto('things').values(thing('a')).execute()
    written.resolve()
    await end.promise
  })
  await written.promise
  return () => {
    end.resolve()
    return work
  }
}

const count = async (store: Store) => (await store.as<Tables>().selectFrom('things').selectAll().execute()).length

onSqliteFiles('reads beside a transaction', (open) => {
  it('do not wait for it, and see what is committed', async () => {
    const store = await open(schema)
    const end = await openTransaction(store)
    assert.equal(await count(store), 0)
    await end()
    assert.equal(await count(store), 1)
  })

  it('see each write that was awaited', async () => {
    const store = await open(schema)
    for (let i = 1; i <= 20; i++) {
      await store
        .as<Tables>()
        .insertInto('things')
        .values(thing(`${i}`))
        .execute()
      assert.equal(await count(store), i)
    }
  })
})

it('lets reads of a database in memory wait for the transaction that is open', async () => {
  const store = await memoryStore(schema)
  const end = await openTransaction(store)
  const counted = count(store)
  await end()
  assert.equal(await counted, 1)
  await store.close()
})

it('says that the disk is full, keeps what is there readable, and goes on when there is room', mayMount, () =>
  onSmallDisk(3, async ({ directory, fill, free }) => {
    const store = openStore({ url: `sqlite:${join(directory, 'full.db')}` })
    await syncSchema(store, [schema])
    const things = () => store.as<Tables>()
    const insert = (id: string, bytes: number): Promise<unknown> =>
      store.transaction(() =>
        things()
          .insertInto('things')
          .values({ id, size: 1, note: 'x'.repeat(bytes) })
          .execute(),
      )
    const ids = async () =>
      (await things().selectFrom('things').select('id').orderBy('id').execute()).map(({ id }) => id)
    await insert('a', 10)
    await fill()
    await assert.rejects(insert('b', 500_000), isOutOfSpace) // refused when it is committed
    assert.deepEqual(await ids(), ['a'])
    await free()
    await insert('b', 500_000)
    assert.deepEqual(await ids(), ['a', 'b'])

    // Larger than SQLite's cache: refused while it is written, and SQLite ends the whole transaction by itself.
    const [, huge, ...others] = await Promise.allSettled([insert('c', 10), insert('d', 6_000_000), insert('e', 10)])
    assert.ok(huge.status === 'rejected' && isOutOfSpace(huge.reason))
    for (const result of others) if (result.status === 'rejected') assert.ok(isOutOfSpace(result.reason), result.reason)
    assert.ok(!(await ids()).includes('d'))
    await insert('f', 10)
    const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check`.execute(store.as())
    assert.equal(rows[0]?.integrity_check, 'ok')
    await store.close()
  }),
)

it('tells a lack of room from other troubles, also behind another error', () => {
  const full = Object.assign(new Error('database or disk is full'), { errcode: 13 })
  const index = Object.assign(new Error('disk I/O error'), { errcode: 4874 })
  const postgres = Object.assign(new Error('could not extend file'), { code: '53100' })
  for (const error of [full, index, postgres]) {
    assert.ok(isOutOfSpace(error))
    assert.ok(isOutOfSpace(new Error('could not be written', { cause: error })))
  }
  assert.ok(!isOutOfSpace(Object.assign(new Error('disk I/O error'), { errcode: 10 })))
  assert.ok(!isOutOfSpace(undefined))
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
