import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sql } from 'kysely'
import { ChangeReader, createChangeLog, logChanges, purgeChanges } from './change-log.ts'
import type { ServiceSchema } from './schema.ts'
import type { Store } from './store.ts'
import { onBothStores, onPostgres, onSqliteFiles, type Suite } from './testing.ts'

const LOG = 'seen_changes'
const schema: ServiceSchema = {
  service: 'seen',
  steps: [
    {
      name: '0001-seen',
      async up(db, kind) {
        await sql.raw('create table seen (id integer primary key, place text, size integer, note text)').execute(db)
        await createChangeLog(db, kind, LOG)
        const keys = (row: string) => `select ${row}.place as key`
        await logChanges(db, kind, { log: LOG, table: 'seen', keys, columns: ['place'] })
        const grown = { columns: ['size'], events: ['update'], when: 'new.size > old.size' } as const
        await logChanges(db, kind, { log: LOG, table: 'seen', keys, ...grown })
      },
    },
  ],
}

const run = (store: Store, statement: string) => sql.raw(statement).execute(store.as())

const told = async (reader: ChangeReader): Promise<string | string[]> => {
  const changed = await reader.changed()
  return changed === 'all' ? 'all' : [...changed].toSorted()
}

const suite: Suite = (open) => {
  const world = async () => {
    const store = await open(schema)
    await run(store, "insert into seen values (1, 'a', 1, ''), (2, 'b', 1, ''), (3, null, 1, '')")
    const reader = new ChangeReader(store, LOG)
    assert.equal(await told(reader), 'all')
    return { store, reader }
  }

  it('tells each change once, with the place before and the one after', async () => {
    const { store, reader } = await world()
    assert.deepEqual(await told(reader), [])
    await run(store, "update seen set place = 'c' where id = 1")
    await run(store, "update seen set place = 'd' where id = 3")
    assert.deepEqual(await told(reader), ['a', 'c', 'd'])
    await run(store, 'delete from seen where id = 2')
    assert.deepEqual(await told(reader), ['b'])
    assert.deepEqual(await told(reader), [])
  })

  it('passes over columns and updates that do not matter', async () => {
    const { store, reader } = await world()
    await run(store, "update seen set note = 'x'")
    await run(store, 'update seen set size = 0 where id = 1')
    assert.deepEqual(await told(reader), [])
    await run(store, 'update seen set size = 2 where id = 2')
    assert.deepEqual(await told(reader), ['b'])
  })

  it('tells nothing of what was rolled back, and everything after it', async () => {
    const { store, reader } = await world()
    const failing = store.transaction(async () => {
      await run(store, "update seen set place = 'x'")
      throw new Error('no')
    })
    await assert.rejects(failing, /no/)
    assert.deepEqual(await told(reader), [])
    await run(store, "update seen set place = 'y' where id = 1")
    assert.deepEqual(await told(reader), ['a', 'y'])
  })

  it('says that all may have changed to who comes too late', async () => {
    const { store, reader } = await world()
    const early = new ChangeReader(store, LOG)
    await early.changed()
    for (let i = 0; i < 5; i++) await run(store, `update seen set place = 'p${i}' where id = 1`)
    assert.deepEqual(await told(early), ['a', 'p0', 'p1', 'p2', 'p3', 'p4'])
    await run(store, "update seen set place = 'q' where id = 2")
    await purgeChanges(store, LOG, 8)
    assert.equal(await told(reader), 'all')
    assert.deepEqual(await told(early), ['b', 'q'])
    assert.deepEqual(await told(reader), [])
  })

  it('keeps a bounded number of changes', async () => {
    const { store, reader } = await world()
    const thousand = `with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)
      insert into ${LOG} (key) select 'k' from n`
    for (let i = 0; i < 12; i++) {
      await run(store, thousand)
      assert.deepEqual(await told(reader), ['k'])
    }
    const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${sql.ref(LOG)}`.execute(store.as())
    assert.ok(rows.length === 1 && Number(rows[0]!.rows) <= 11_000, `${rows[0]!.rows} are kept`)
  })
}

onBothStores('changes', suite)
onSqliteFiles('changes', suite)

onPostgres('changes of transactions that overlap', (open) => {
  it('are told when they are committed, in whichever order', async () => {
    const store = await open(schema)
    await run(store, "insert into seen values (1, 'a', 1, ''), (2, 'b', 1, '')")
    const reader = new ChangeReader(store, LOG)
    await reader.changed()
    const [wrote, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow = store.transaction(async () => {
      await run(store, "update seen set place = 'slow' where id = 1")
      wrote.resolve()
      await mayEnd.promise
    })
    await wrote.promise
    await run(store, "update seen set place = 'fast' where id = 2")
    assert.deepEqual(await told(reader), ['b', 'fast'])
    await purgeChanges(store, LOG, 1000)
    assert.deepEqual(await told(reader), [], 'each once')
    mayEnd.resolve()
    await slow
    assert.deepEqual(await told(reader), ['a', 'slow'])
  })
})
