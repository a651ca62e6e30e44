// Plug-ins in whole clouds: what they add, and how those are refused that do not fit.
import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { readConfig } from '@kilonova/base/options'
import { loadConfig, optionTables } from '@kilonova/cloud/config'
import { activatePlugins } from '@kilonova/cloud/plugins'
import type { Compute } from '@kilonova/compute/compute'
import type { FakeCloud } from '../fake-cloud.ts'
import { createServer, goneServer, settledServer, startFakeCloud } from '../fake-cloud.ts'

/** Where none of our packages is to be found. */
let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kilonova-plugins-'))
})
after(() => rm(directory, { recursive: true, force: true }))

const status = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

interface Note {
  server_id: string
  text: string
}

describe('a plug-in from anywhere', () => {
  let fake: FakeCloud
  before(async () => {
    const module = join(directory, 'notes.ts')
    await cp(join(import.meta.dirname, 'notes.ts'), module)
    const config = `[plugins]\nmodules = ["${module}"]\n[notes]\nunwanted = ["junk"]\n`
    fake = await startFakeCloud({ config })
  })
  after(() => fake?.stop())

  const notesOf = async (id: string): Promise<string[]> => {
    const { notes } = await fake.admin.ask<{ notes: Note[] }>({ path: '/compute/v2.1/notes' })
    return notes.filter(({ server_id }) => server_id === id).map(({ text }) => text)
  }

  it('has its hooks run with their steps', async () => {
    const id = await createServer(fake)
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    assert.deepEqual(await notesOf(id), ['a: before ports', 'b: after ports', 'c: after plugged'])
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
    assert.equal((await notesOf(id)).at(-1), 'd: before guest is gone')
  })

  it('refuses in a hook: the task is undone, and the server says why', async () => {
    const id = await createServer(fake, { name: 'junk' })
    const { status, fault } = await settledServer(fake, id)
    assert.deepEqual([status, fault], ['ERROR', { ...fault!, code: 400, message: 'junk is not wanted.' }])
    const { ports } = await fake.demo.ask<{ ports: unknown[] }>({ path: `/network/v2.0/ports?device_id=${id}` })
    assert.deepEqual(ports, [])
    await fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    await goneServer(fake, id)
  })

  it('guards its routes by its policy and their versions', async () => {
    await assert.rejects(fake.demo.ask({ path: '/compute/v2.1/notes' }), status(403, /os_compute_api:notes:index/))
    const headers = { 'openstack-api-version': 'compute 2.49' }
    await assert.rejects(fake.admin.ask({ path: '/compute/v2.1/notes', headers }), status(404, /could not be found/))
  })
})

const DEFINE = "import { definePlugin } from '@kilonova/compute/plugin'\n"
const FIELDS = `${DEFINE}import { Type } from '@kilonova/api/type'\nimport { since } from '@kilonova/api/versions'\n`
const plugin = (parts: string, before = DEFINE): string =>
  `${before}export default definePlugin({ name: 'x', extend: () => (${parts}) })\n`
const creates = (parts: string): string => plugin(`{ serverCreate: { act() {}, ${parts} } }`, FIELDS)
const route = (parts: string): string =>
  plugin(`{ routes: [{ method: 'GET', path: '/v2.1/x', policy: 'limits', success: 200, handler() {}, ${parts} }] }`)

describe('a plug-in that does not fit', () => {
  const rows: [what: string, source: string | null | undefined, why: RegExp, mend: RegExp][] = [
    ['is not there', null, /there is no such file or package/, /relative to the configuration file/],
    ['is no package', undefined, /there is no such file or package/, /an installed package/],
    ['cannot be loaded', 'export default {\n', /loading it fails: .+/, /^Mend it at \/.*plugin-\d+\.ts:\d+\.$/],
    ['fails at once', "\n\nthrow new Error('no')\n", /loading it fails: no\.$/, /^Mend it at \/.*plugin-\d+\.ts:3\.$/],
    ['imports what is not there', "import 'no-such-package'\n", /loading it fails: .*no-such-package/, /./],
    ['exports none', 'export const x = 1\n', /its default export is no plug-in/, /definePlugin/],
    [
      'has no name',
      `${DEFINE}export default definePlugin({ extend: () => ({}) })`,
      /its name undefined is none/,
      /small/,
    ],
    [
      'is named like a table',
      plugin('{}').replace("'x'", "'network'"),
      /its name network is taken/,
      /Load each plug-in/,
    ],
    ['adds nothing', `${DEFINE}export default definePlugin({ name: 'x' })`, /no function extend/, /Let extend return/],
    [
      'has an option of no type',
      plugin('{}').replace('extend', "options: { y: { type: 'int' } }, extend"),
      /its option y is none/,
      /a type, a/,
    ],
    [
      'has a step without work',
      plugin('{}').replace('extend', "schema: [{ name: '0001' }], extend"),
      /no name or no up/,
      /up: async/,
    ],
    ['is misspelt', plugin('{}').replace('extend', 'routez: [], extend'), /nothing that routez/, /./],
    ['fails', plugin('{}.x.y'), /its extend fails: Cannot read/, /Mend it/],
    ['waits', plugin('{}').replace('() =>', 'async () =>'), /its extend answers no object/, /may not be async/],
    ['returns nothing', plugin('undefined'), /its extend answers no object/, /what the plug-in adds/],
    ['hooks by names', plugin("{ hooks: { 'server.build.host': {} } }"), /its hooks is no list/, /plugin\.ts/],
    ['lists fields', creates('fields: []'), /its serverCreate\.fields is no object/, /./],
    ['filters with nothing', plugin('{ filters: [null] }'), /its filters\[0\] is no object/, /./],
    [
      'weighs with nothing',
      plugin('{ weighers: [{ multiplier: 1 }] }'),
      /its weighers\[0\]\.weigher is no object/,
      /./,
    ],
    ['hooks without a step', plugin("{ hooks: [{ task: 'server.build' }] }"), /its hooks\[0\]\.step is no string/, /./],
    ['has a task without steps', plugin("{ tasks: [{ name: 'y' }] }"), /its tasks\[0\]\.steps is no list/, /./],
    ['has a route without a rule', route('policy: undefined'), /its routes\[0\]\.policy is no string/, /./],
    ['adds what there is not', plugin('{ filterz: [] }'), /no part filterz/, /nearest one is filters/],
    [
      'creates without a function',
      plugin('{ serverCreate: {} }'),
      /extension x is missing server_create/,
      /function act/,
    ],
    [
      'takes a key',
      creates('fields: { name: Type.Optional(Type.String()) }'),
      /the field name of a server is there/,
      /./,
    ],
    [
      'takes a key of NICs',
      creates('networkFields: { port: Type.Optional(Type.String()) }'),
      /the field port of an item/,
      /./,
    ],
    ['requires a key', creates('fields: { y: Type.String() }'), /the field y of a server is required/, /Type.Optional/],
    [
      'comes too early',
      creates("fields: { y: Type.Optional(Type.String(since('2.999'))) }"),
      /microversions beyond 2\.104/,
      /callers can ask for/,
    ],
    [
      'shows what may be OpenStack’s',
      plugin('{ serverView: { fields: { y: Type.String() }, values: () => new Map() } }', FIELDS),
      /the field y of shown servers could become/,
      /vendor:name/,
    ],
    ['shows nothing', plugin('{ serverView: { fields: {} } }'), /no values/, /./],
    ['takes a rule', plugin("{ policy: { 'servers:show': () => true } }"), /the rule servers:show is there/, /./],
    ['names no rule', route("policy: 'y'"), /names the rule y/, /Add it to policy/],
    ['leaves the API', route("path: '/x'"), /lies outside the API/, /v2\.1/],
    ['takes a route', route("path: '/v2.1/servers/:id'"), /GET \/v2\.1\/servers\/:id is there already/, /./],
    [
      'spells a route anew',
      route("path: '/v2.1/servers/:y/ips'"),
      /is \/v2\.1\/servers\/:serverId\/ips elsewhere/,
      /./,
    ],
    [
      'takes a filter',
      plugin("{ filters: [{ name: 'ComputeFilter', judge() {} }] }"),
      /the filter ComputeFilter is/,
      /./,
    ],
    ['does not judge', plugin("{ filters: [{ name: 'YFilter' }] }"), /the filter YFilter has no judge/, /./],
    [
      'weighs without measure',
      plugin("{ weighers: [{ weigher: { name: 'Y', option: 'y', weigh() {} } }] }"),
      /the weigher Y has no multiplier/,
      /./,
    ],
    [
      'hooks no task',
      plugin("{ hooks: [{ task: 'server.biuld', step: 'host', before() {} }] }"),
      /the task server\.biuld/,
      /nearest one is server\.build;/,
    ],
    [
      'hooks no step',
      plugin("{ hooks: [{ task: 'server.build', step: 'hosts', before() {} }] }"),
      /the step of server\.build hosts/,
      /nearest one is host;/,
    ],
    ['hooks nothing', plugin("{ hooks: [{ task: 'server.build', step: 'host' }] }"), /does nothing/, /./],
  ]
  const options = readConfig(optionTables)
  for (const [index, [what, source, why, mend]] of rows.entries())
    it(`because it ${what}, is refused by name with what to do`, async () => {
      const module = source === undefined ? 'no-such-plugin' : `./plugin-${index}.ts`
      if (source) await writeFile(join(directory, module), source)
      const file = join(directory, `${index}.toml`)
      await writeFile(file, `[plugins]\nmodules = ["${module}"]\n`)
      const load = async (): Promise<void> => {
        const { extensions } = await loadConfig(file, '')
        await activatePlugins(extensions, { options: options.compute } as unknown as Compute)
      }
      await assert.rejects(load(), (error) => {
        assert.ok(isFault(error, 'PluginUnusable'), String(error))
        assert.ok(error.message.startsWith(`The plug-in ${module} cannot be used: `), error.message)
        assert.match(error.message, why)
        assert.match(error.mend ?? '', mend)
        return true
      })
    })

  const refused = async (toml: string, why: RegExp): Promise<void> => {
    const file = join(directory, 'options.toml')
    await writeFile(join(directory, 'good.ts'), plugin('{}'))
    await writeFile(file, toml)
    await assert.rejects(loadConfig(file, ''), status(400, why))
  }

  it('is not loaded twice', () => refused('[plugins]\nmodules = ["./good.ts", "./good.ts"]', /its name x is taken/))
  it('has options that are checked like all others', async () => {
    await writeFile(
      join(directory, 'sized.ts'),
      `${DEFINE}export default definePlugin({ name: 'sized', extend: () => ({}),\n` +
        "  options: { size: { type: 'integer', default: 1, help: 'how large' } } })\n",
    )
    const modules = '[plugins]\nmodules = ["./sized.ts"]\n'
    await refused(`${modules}[sized]\nsise = 1\n`, /:4: unknown key sized\.sise; the nearest valid one is sized\.size/)
    await refused(`${modules}[sized]\nsize = "a"\n`, /:4: sized\.size must be a whole number, not "a"/)
    await refused('[sized]\nsize = 1\n', /:1: unknown table \[sized\]/)
  })
})
