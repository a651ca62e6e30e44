// A column more: the database of a cloud that has servers is upgraded, goes back to the code before, and is purged.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import type { Compute } from '@kilonova/compute/compute'
import { sql } from 'kysely'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from './fake-cloud.ts'

const MAIN = join(import.meta.dirname, '../cloud/cli/main.ts')

/** The newer code: a column of servers, written when a server gets its host, and shown. */
const SHELF = `
import { Type } from '@kilonova/api/type'
import { definePlugin } from '@kilonova/compute/plugin'
const up = (db) => db.schema.alterTable('compute_servers').addColumn('shelf', 'text', (c) => c.defaultTo('none')).execute()
export default definePlugin({
  name: 'shelf',
  schema: [{ name: '0001-shelf', up }],
  extend: () => ({
    hooks: [{
      task: 'server.build', step: 'host',
      after: ({ compute, input }, { host }) => compute.store.as().updateTable('compute_servers')
        .set({ shelf: 'of ' + host }).where('id', '=', input.serverId).execute(),
    }],
    serverView: {
      fields: { 'acme:shelf': Type.String() },
      values: ({ servers }) => new Map(servers.map(({ id, shelf }) => [id, { 'acme:shelf': shelf }])),
    },
  }),
})
`

/** Its second step dies half-way while the file 'dies' is there. */
const DYING = `
import { existsSync } from 'node:fs'
import { definePlugin } from '@kilonova/compute/plugin'
const table = (db) => db.schema.createTable('dying_things').addColumn('id', 'text').execute()
const column = async (db) => {
  await db.schema.alterTable('dying_things').addColumn('colour', 'text').execute()
  await db.schema.createTable('dying_others').addColumn('id', 'text').execute()
  if (existsSync(new URL('dies', import.meta.url))) process.kill(process.pid, 'SIGKILL')
}
export default definePlugin({
  name: 'dying',
  schema: [{ name: '0001-things', up: table }, { name: '0002-colour', up: column }],
  extend: () => ({}),
})
`

const configOf = (file: string): string => `[plugins]\nmodules = ["./${file}"]\n`

let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-columns-'))
  await writeFile(join(directory, 'shelf.ts'), SHELF)
  await writeFile(join(directory, 'dying.ts'), DYING)
  const older = DYING.replace(/, { name: '0002.*}/, '')
  await writeFile(join(directory, 'older.ts'), older)
  const less = "(db) => db.schema.alterTable('dying_things').dropColumn('colour').execute()"
  const contracting = DYING.replace('up: column }', `up: column }, { name: '0003-less', contracts: true, up: ${less} }`)
  await writeFile(join(directory, 'contracting.ts'), contracting)
})
after(() => rm(directory, { recursive: true, force: true }))

/** `kilonova db …` beside the given plug-in, if any. */
async function db(verb: string, { file, ...at }: { file?: string; state: string; before?: string }) {
  const config = join(directory, 'db.toml')
  await writeFile(config, file === undefined ? '' : configOf(file))
  const { state, before } = at
  const more = before === undefined ? [] : ['--before', before]
  const args = [MAIN, 'db', verb, '--state-dir', join(directory, state), '--config', config, ...more]
  const accept = [0, 1, 2, 3, 4, 5, 137]
  return run(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { accept })
}

describe('db sync', () => {
  it('seed-8.5.20-1: the second time does nothing, with exit code 0', async () => {
    const [first, second] = [await db('sync', { state: 'twice' }), await db('sync', { state: 'twice' })]
    assert.deepEqual([first.code, second.code], [0, 0])
    assert.match(first.stdout, /^done {2}compute\/0001-compute$/m)
    assert.equal(second.stdout, 'Nothing to do: the database is up to date.\n')
    const version = await db('version', { state: 'twice' })
    assert.deepEqual([version.code, /pending/.test(version.stdout)], [0, false])
  })

  it('seed-8.5.20-5: killed in the middle of a step, the version is what it was, and the next sync goes on', async () => {
    const at = { file: 'dying.ts', state: 'killed' }
    await writeFile(join(directory, 'dies'), '')
    const killed = await db('sync', at).catch((error: unknown) => error)
    assert.match(String(killed), /SIGKILL|137/)
    const before = await db('version', at)
    assert.equal(before.code, 1)
    assert.match(before.stdout, /^plugin-dying +0001-things$/m)
    assert.match(before.stdout, /^pending: plugin-dying\/0002-colour$/m)
    await rm(join(directory, 'dies'))
    assert.equal((await db('sync', at)).stdout, 'done  plugin-dying/0002-colour\n1 step done.\n')
    assert.match((await db('version', at)).stdout, /^plugin-dying +0002-colour$/m)
    assert.equal((await db('sync', at)).code, 0)
  })

  it('goes on without what a newer version has run, says so, and minds no plug-in that is not there', async () => {
    const older = await db('version', { file: 'older.ts', state: 'killed' })
    assert.equal(older.code, 0)
    assert.match(older.stdout, /of a newer version, .*: plugin-dying\/0002-colour/)
    assert.doesNotMatch((await db('version', { state: 'killed' })).stdout, /dying/)
  })

  it('refuses a database from which a newer version has taken away, with exit code 4', async () => {
    for (const [verb, file, code] of [
      ['sync', 'contracting.ts', 0],
      ['version', 'contracting.ts', 0],
      ['version', 'older.ts', 4],
      ['sync', 'older.ts', 4],
    ] as const) {
      const done = await db(verb, { file, state: 'killed' })
      assert.equal(done.code, code, done.stderr)
      if (code === 4)
        assert.match(done.stderr, /taken away .*: plugin-dying\/0003-less\.\n {2}what to do: Start the newer/)
    }
  })
})

describe('a cloud whose servers get a column', () => {
  let state: string
  let fake: FakeCloud | undefined
  const ids: Record<string, string> = {}
  before(async () => {
    state = join(directory, 'cloud')
    await db('sync', { state: 'cloud' })
  })
  after(() => fake?.stop())

  async function restart(config: string): Promise<FakeCloud> {
    await fake?.stop()
    fake = await startFakeCloud({ directory: state, config })
    return fake
  }

  async function build(cloud: FakeCloud, name: string): Promise<void> {
    const id = await createServer(cloud, { name })
    assert.equal((await settledServer(cloud, id)).status, 'ACTIVE')
    ids[name] = id
  }

  async function shelves(cloud: FakeCloud): Promise<Record<string, unknown>> {
    const path = '/compute/v2.1/servers/detail'
    const { servers } = await cloud.demo.ask<{ servers: Record<string, unknown>[] }>({ path })
    return Object.fromEntries(servers.map((server) => [server['name'], server['acme:shelf']]))
  }

  interface Kept {
    compute_servers: { id: string; shelf: string | null }
  }
  const rows = ({ store }: Pick<Compute, 'store'>) =>
    store
      .as<Kept>()
      .selectFrom('compute_servers')
      .select(['id', 'shelf'])
      .orderBy('number' as 'id')
      .execute()

  /** Every table that has rows for single servers; events go by themselves after event_retention. */
  async function tablesAboutServers({ store }: Pick<Compute, 'store'>): Promise<string[]> {
    const { rows } = await sql<{ name: string }>`
      select m.name from sqlite_master m join pragma_table_info(m.name) c on c.name = 'server_id'
      where m.type = 'table'`.execute(store.as())
    assert.ok(rows.length >= 3)
    return rows.map(({ name }) => name).filter((name) => name !== 'compute_events')
  }

  it('seed-8.5.20-2: old servers show the default, new ones store their value and show it', async () => {
    await build(await restart(''), 'old')
    const newer = await restart(configOf('../shelf.ts'))
    assert.deepEqual(await shelves(newer), { old: 'none' })
    await build(newer, 'new')
    assert.deepEqual(await shelves(newer), { old: 'none', new: 'of fake-1' })
  })

  it('seed-8.5.20-3: the code before serves on the newer tables, and its callers are shown no such field', async () => {
    const older = await restart('')
    assert.deepEqual(await shelves(older), { old: undefined, new: undefined })
    await build(older, 'third')
    const path = `/compute/v2.1/servers/${ids['new']}`
    const body = { server: { name: 'renamed' } }
    await older.demo.ask({ method: 'PUT', path, body })
    const newer = await restart(configOf('../shelf.ts'))
    assert.deepEqual(await shelves(newer), { old: 'none', renamed: 'of fake-1', third: 'none' })
  })

  it('seed-8.5.20-4: purge takes deleted servers with the column and all that was kept of them, and no others', async () => {
    const cloud = await restart(configOf('../shelf.ts'))
    const { compute } = cloud.cloud.parts
    for (const name of ['old', 'new']) {
      await cloud.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${ids[name]}` })
      await goneServer(cloud, ids[name]!)
    }
    assert.deepEqual(
      (await rows(compute)).map(({ shelf }) => shelf),
      ['none', 'of fake-1', 'none'],
    )
    await fake?.stop()
    fake = undefined
    const purged = await db('purge', { file: 'shelf.ts', state: 'cloud', before: '2999-01-01' })
    assert.deepEqual([purged.code, / 2 deleted servers, /.test(purged.stdout)], [0, true])
    const after = await restart(configOf('../shelf.ts'))
    const left = after.cloud.parts.compute
    assert.deepEqual(
      (await rows(left)).map(({ id, shelf }) => [id, shelf]),
      [[ids['third'], 'none']],
    )
    for (const table of await tablesAboutServers(left)) {
      const found = await left.store
        .as<Record<string, { server_id: string }>>()
        .selectFrom(table)
        .select('server_id')
        .where('server_id', 'in', [ids['old']!, ids['new']!])
        .execute()
      assert.deepEqual(found, [], table)
    }
    const again = await db('version', { file: 'shelf.ts', state: 'cloud' })
    assert.equal(again.code, 0)
  })
})
