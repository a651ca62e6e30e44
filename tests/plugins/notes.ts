// A plug-in with a table of its own, a route that shows it, and hooks that write it: for tests.
import { admin } from '@kilonova/api/policy'
import { routeOf } from '@kilonova/api/route'
import { faultsOf } from '@kilonova/base/fault'
import type { Compute } from '@kilonova/compute/compute'
import type { HookRun } from '@kilonova/compute/plugin'
import { definePlugin } from '@kilonova/compute/plugin'
import type { SchemaStep } from '@kilonova/store/schema'

interface Tables {
  notes_steps: { server_id: string; text: string; times: number }
}

const table: SchemaStep = {
  name: '0001-steps',
  async up(db) {
    await db.schema
      .createTable('notes_steps')
      .addColumn('server_id', 'text', (column) => column.notNull())
      .addColumn('text', 'text', (column) => column.notNull())
      .addColumn('times', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('notes_steps_pk', ['server_id', 'text'])
      .execute()
  },
}

const fault = faultsOf({
  Unwanted: { status: 400, kind: 'badRequest', say: ({ name }: { name: string }) => `${name} is not wanted.` },
})

const policy = { 'notes:index': admin }
const route = routeOf<Compute, typeof policy>(policy)

async function note({ compute, input }: HookRun, text: string): Promise<void> {
  const row = { server_id: (input as { serverId: string }).serverId, text, times: 1 }
  await compute.store
    .as<Tables>()
    .insertInto('notes_steps')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['server_id', 'text']).doUpdateSet((eb) => ({ times: eb('notes_steps.times', '+', 1) })),
    )
    .execute()
}

async function nameOf({ compute, input }: HookRun): Promise<string> {
  const row = await compute.store
    .as<{ compute_servers: { id: string; display_name: string } }>()
    .selectFrom('compute_servers')
    .select('display_name')
    .where('id', '=', (input as { serverId: string }).serverId)
    .executeTakeFirstOrThrow()
  return row.display_name
}

export default definePlugin({
  name: 'notes',
  options: { unwanted: { type: 'list', default: [], help: 'names of servers that are not built' } },
  schema: [table],
  extend: ({ unwanted }) => ({
    policy,
    routes: [
      route({
        method: 'GET',
        path: '/v2.1/notes',
        policy: 'notes:index',
        since: '2.50',
        success: 200,
        handler: async ({ store }) => ({
          notes: await store.as<Tables>().selectFrom('notes_steps').selectAll().orderBy('text').execute(),
        }),
      }),
    ],
    hooks: [
      {
        task: 'server.build',
        step: 'ports',
        before: (run) => note(run, 'a: before ports'),
        async after(run) {
          await note(run, 'b: after ports')
          const name = await nameOf(run)
          if (unwanted.includes(name)) throw fault('Unwanted', { name })
        },
      },
      { task: 'server.build', step: 'plugged', after: (run) => note(run, 'c: after plugged') },
      { task: 'server.delete', step: 'guest', before: (run) => note(run, 'd: before guest is gone') },
    ],
  }),
})
