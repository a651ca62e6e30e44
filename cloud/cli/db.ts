// `db`: brings the tables in step, says how far they are, removes what is kept only for the record.
import { access, constants } from 'node:fs/promises'
import { systemClock } from '@kilonova/base/clock'
import { schemaVersion, syncSchema } from '@kilonova/store/schema'
import type { Store } from '@kilonova/store/store'
import { Tasks } from '@kilonova/tasks/tasks'
import { loadConfig } from '../config.ts'
import type { DatabaseNeeds } from '../database.ts'
import { databaseFile, openDatabase } from '../database.ts'
import { fault } from '../faults.ts'
import { operatorClient } from '../operator/operator-client.ts'
import type { Purged } from '../operator/purge.ts'
import { purge } from '../operator/purge.ts'
import { findRunning } from '../running-cloud.ts'
import { schemasOf } from '../schemas.ts'
import { StateDirectory } from '../state-directory.ts'
import { tableLines } from './table.ts'

interface DbOptions {
  stateDir: string
  config?: string
  before?: string
}

const FAILED = 1
const KEPT_DAYS = 30
const DAY = 86_400_000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

export async function db(verb: string, options: DbOptions): Promise<void> {
  const state = new StateDirectory(options.stateDir)
  const needs = { state, config: await loadConfig(options.config, state.configFile) }
  if (verb === 'sync') return sync(needs)
  if (verb === 'version') return version(needs)
  if (verb === 'purge') return purgeOld(needs, beforeOf(options.before))
  throw fault('WrongUsage', { why: `db has no '${verb}'; it has sync, version and purge.` })
}

async function sync(needs: DatabaseNeeds): Promise<void> {
  await mustBeWritable(makeRoom(needs), needs)
  await alone(needs, async (store) => {
    const { length } = await syncSchema(store, schemasOf(needs.config), (name) => say(`done  ${name}`))
    say(
      length === 0
        ? 'Nothing to do: the database is up to date.'
        : `${length} ${length === 1 ? 'step' : 'steps'} done.`,
    )
  })
}

async function version(needs: DatabaseNeeds): Promise<void> {
  await mustExist(needs)
  const store = openDatabase(needs)
  const schemas = schemasOf(needs.config)
  try {
    const { versions, pending, newer } = await schemaVersion(store, schemas)
    for (const line of tableLines(schemas.map(({ service }) => [service, versions[service] ?? 'nothing yet'])))
      say(line)
    for (const step of pending) say(`pending: ${step}`)
    for (const step of newer) say(`of a newer version, which this one can do without: ${step}`)
    if (pending.length === 0) return
    say('Run them with: ./kilonova db sync')
    process.exitCode = FAILED
  } finally {
    await store.close()
  }
}

function beforeOf(text: string | undefined): number {
  if (text === undefined) return systemClock.now() - KEPT_DAYS * DAY
  const before = Date.parse(text)
  if (Number.isNaN(before))
    throw fault('WrongUsage', { why: `--before takes a date such as 2026-01-31, not '${text}'.` })
  return before
}

/** A running cloud does it itself: nobody else may write to its database. */
async function purgeOld(needs: DatabaseNeeds, before: number): Promise<void> {
  const date = new Date(before).toISOString()
  if (await findRunning(needs.state)) {
    const client = await operatorClient(needs.state)
    const reply = await client.ask<{ purged: Purged }>({
      method: 'POST',
      path: '/kilonova/v1/purge',
      body: { before: date },
    })
    return report(reply.purged, date)
  }
  await mustExist(needs)
  await alone(needs, async (store) => {
    const { pending } = await schemaVersion(store, schemasOf(needs.config))
    if (pending.length > 0) throw fault('DatabaseBehind', { pending })
    report(await purge({ store, tasks: new Tasks({ store, owner: 'db purge' }) }, before), date)
  })
}

function report({ tasks, servers, actions }: Purged, date: string): void {
  say(`Removed what ended before ${date}: ${tasks} tasks, ${servers} deleted servers, ${actions} records of actions.`)
}

/** With the database open, and on SQLite with the state directory's lock. Throws StateDirectoryInUse. */
async function alone(needs: DatabaseNeeds, work: (store: Store) => Promise<void>): Promise<void> {
  const lock = databaseFile(needs) === undefined ? undefined : needs.state.lock()
  const store = openDatabase(needs)
  try {
    await work(store)
  } finally {
    await store.close()
    lock?.release()
  }
}

async function makeRoom({ state }: DatabaseNeeds): Promise<void> {
  await state.prepare()
  await access(state.path, constants.W_OK)
}

async function mustExist(needs: DatabaseNeeds): Promise<void> {
  const file = databaseFile(needs)
  if (file !== undefined) await mustBeWritable(access(file, constants.R_OK | constants.W_OK), needs)
}

async function mustBeWritable(tried: Promise<unknown>, { state: { path } }: DatabaseNeeds): Promise<void> {
  try {
    await tried
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw fault('NoState', { path })
    if (code === 'EACCES') throw fault('RootNeeded', { why: `${path} belongs to somebody else` }, error)
    throw error
  }
}
