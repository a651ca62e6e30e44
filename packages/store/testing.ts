// Throw-away databases for tests: the same suite runs on both kinds.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import type { ServiceSchema } from './schema.ts'
import { syncSchema } from './schema.ts'
import type { Store } from './store.ts'
import { openStore } from './store.ts'

/** An empty SQLite database in memory with these tables. */
export async function memoryStore(...schemas: ServiceSchema[]): Promise<Store> {
  const store = openStore({ url: 'sqlite::memory:' })
  await syncSchema(store, schemas)
  return store
}

export type Suite = (open: (...schemas: ServiceSchema[]) => Promise<Store>) => void

/** Declares `suite` once on SQLite and once on PostgreSQL; `open` makes a fresh database each time. */
export function onBothStores(name: string, suite: Suite): void {
  describe(`${name} on sqlite`, () => {
    const stores: Store[] = []
    after(() => Promise.all(stores.map((store) => store.close())))
    suite(async (...schemas) => {
      const store = await memoryStore(...schemas)
      stores.push(store)
      return store
    })
  })
  onPostgres(name, suite)
}

/** Declares `suite` on SQLite in files, where reads have a connection of their own. */
export function onSqliteFiles(name: string, suite: Suite): void {
  describe(`${name} on sqlite files`, () => {
    const stores: Store[] = []
    let directory: string | undefined
    after(async () => {
      await Promise.all(stores.map((store) => store.close()))
      if (directory) await rm(directory, { recursive: true })
    })
    suite(async (...schemas) => {
      directory ??= await mkdtemp(join(tmpdir(), 'kilonova-sqlite-'))
      const store = openStore({ url: `sqlite:${join(directory, `${stores.length}.db`)}` })
      await syncSchema(store, schemas)
      stores.push(store)
      return store
    })
  })
}

/** Declares what holds only where several processes share a store. */
export function onPostgres(name: string, suite: Suite): void {
  describe(`${name} on postgres`, () => {
    const stores: Store[] = []
    let cluster: Promise<PostgresCluster> | undefined
    after(async () => {
      await Promise.all(stores.map((store) => store.close()))
      if (cluster) await (await cluster).stop()
    })
    suite(async (...schemas) => {
      cluster ??= startPostgres()
      const store = openStore({ url: await (await cluster).createDatabase() })
      await syncSchema(store, schemas)
      stores.push(store)
      return store
    })
  })
}

export interface PostgresCluster {
  /** Makes an empty database and returns its url. */
  createDatabase(): Promise<string>
  stop(): Promise<void>
}

/** Starts a private PostgreSQL on a unix socket, from Debian's package `postgresql`. */
export async function startPostgres(): Promise<PostgresCluster> {
  const binaries = await postgresBinaries()
  const owner = await postgresUser()
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-pg-'))
  if (owner) await chown(directory, owner.uid, owner.gid)
  const as = owner ? { uid: owner.uid, gid: owner.gid } : {}
  const data = join(directory, 'data')
  await finished(
    spawn(
      join(binaries, 'initdb'),
      ['--no-sync', '-A', 'trust', '--encoding=UTF8', '--locale=C.UTF-8', '-U', 'kilonova', '-D', data],
      {
        ...as,
        cwd: directory,
        stdio: 'ignore',
      },
    ),
  )
  const options = [
    '-D',
    data,
    '-k',
    directory,
    '-c',
    'listen_addresses=',
    '-c',
    'fsync=off',
    '-c',
    'max_connections=50',
  ]
  const server = spawn(join(binaries, 'postgres'), options, { ...as, cwd: directory, stdio: 'ignore' })
  const url = (database: string): string => `postgres://kilonova@/${database}?host=${encodeURIComponent(directory)}`
  const psql = (statement: string) =>
    run(join(binaries, 'psql'), ['-h', directory, '-U', 'kilonova', '-d', 'postgres', '-c', statement])
  await answering(() => psql('select 1'), server)
  return {
    async createDatabase() {
      const name = `t${systemRandom.bytes(6).toString('hex')}`
      await psql(`create database ${name}`)
      return url(name)
    },
    async stop() {
      server.kill('SIGQUIT')
      await finished(server, true)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function postgresBinaries(): Promise<string> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => [])
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0]
  if (!newest) throw new Error('PostgreSQL is not installed; run: apt-get install postgresql')
  return `/usr/lib/postgresql/${newest}/bin`
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
async function postgresUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('postgres:'))
  if (!line) throw new Error('the user postgres is missing; run: apt-get install postgresql')
  const [, , uid, gid] = line.split(':')
  return { uid: Number(uid), gid: Number(gid) }
}

function finished(child: ChildProcess, anyCode = false): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null) return resolve()
    child.on('error', reject)
    child.on('exit', (code) =>
      code === 0 || anyCode ? resolve() : reject(new Error(`${child.spawnfile} ended with code ${code}`)),
    )
  })
}

async function answering(ask: () => Promise<unknown>, server: ChildProcess): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await ask()
      return
    } catch (error) {
      if (server.exitCode !== null || attempt > 200) throw error
      await systemClock.sleep(50)
    }
  }
}
