import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkArrows, type Plan } from './check-arrows.ts'
import { withTree } from './tree.ts'

const plan: Plan = {
  rooms: [
    { path: 'packages/base', mayImport: [] },
    { path: 'packages/store', mayImport: ['packages/base'] },
    { path: 'services/pets', mayImport: ['packages', 'services/pets'], filesOnly: true },
    { path: 'services/pets/cats', mayImport: ['packages', 'services/pets/*.ts'] },
    { path: 'services/pets/dogs', mayImport: ['packages', 'services/pets/cats'] },
    {
      path: 'services/pets/agent',
      mayImport: ['packages/base'],
      mayImportTypes: ['services/pets/cats'],
      refuses: ['kysely'],
    },
    { path: 'cloud', mayImport: ['packages', 'services'] },
  ],
  floors: [['packages/base'], ['packages/store'], ['services/pets'], ['cloud']],
}

const MANIFESTS = {
  'package.json': '{ "workspaces": ["packages/*", "services/*"] }',
  'packages/base/package.json': '{ "name": "@k/base", "exports": { "./clock": "./clock.ts" } }',
  'packages/base/clock.ts': 'export const a = 1',
  'packages/base/inner.ts': 'export const a = 1',
  'packages/store/package.json':
    '{ "name": "@k/store", "exports": { "./kinds/*": "./kinds/*.ts", "./free": "./free.ts" } }',
  'packages/store/free.ts': '',
  'packages/store/kinds/sqlite.ts': "import '@k/base/clock'",
  'services/pets/package.json': '{ "name": "@k/pets", "exports": {} }',
  'services/pets/faults.ts': '',
}

function check(files: Record<string, string>): Promise<string[]> {
  return withTree({ ...MANIFESTS, ...files }, (root) => checkArrows(root, plan))
}

test('lets a house pass that keeps to its plan', async () => {
  const problems = await check({
    'services/pets/service.ts': "import './cats/routes.ts'",
    'services/pets/cats/routes.ts': "import '@k/store/kinds/sqlite'\nimport '../faults.ts'\nimport 'kysely'",
    'services/pets/dogs/routes.ts': "import '../cats/routes.ts'",
    'services/pets/agent/run.ts': "import '@k/base/clock'\nimport type { Cat } from '../cats/routes.ts'",
    'services/pets/cats/cats.test.ts': "import '../dogs/routes.ts'\nimport '@k/store/kinds/sqlite'",
    'cloud/main.ts': "import '../cloud/other.ts'",
  })
  assert.deepEqual(problems, [])
})

const forbidden: [what: string, file: string, text: string, said: RegExp][] = [
  [
    'an import upwards',
    'packages/base/up.ts',
    "\nimport '@k/store/free'",
    /^packages\/base\/up\.ts:2 imports @k\/store\/free: packages\/base may not import packages\/store$/,
  ],
  [
    'an import of a later room',
    'services/pets/cats/a.ts',
    "import '../dogs/b.ts'",
    /services\/pets\/cats may not import services\/pets\/dogs/,
  ],
  [
    'types where not even types are allowed',
    'services/pets/cats/a.ts',
    "import type { B } from '../dogs/b.ts'",
    /may not import/,
  ],
  [
    'more than types where only types are allowed',
    'services/pets/agent/a.ts',
    "import '../cats/b.ts'",
    /may not import/,
  ],
  ['a dynamic import', 'services/pets/cats/a.ts', "const b = await import('../dogs/b.ts')", /may not import/],
  [
    'a module that a room refuses',
    'services/pets/agent/a.ts',
    "import { Kysely } from 'kysely'",
    /services\/pets\/agent may not use kysely/,
  ],
  ['a path that is no door', 'packages/store/a.ts', "import '@k/base/inner'", /is no door/],
  ['a way around the doors', 'packages/store/a.ts', "import '../base/inner.ts'", /reaches into another package/],
  [
    'a room that the plan does not know',
    'services/pets/birds/a.ts',
    "import '@k/base/clock'",
    /services\/pets\/birds stands in no room/,
  ],
  [
    'a test that reaches upwards',
    'services/pets/cats/a.test.ts',
    "import '../../../cloud/main.ts'",
    /may not import cloud/,
  ],
]

for (const [what, file, text, said] of forbidden) {
  test(`reports ${what}`, async () => {
    const problems = await check({ [file]: text, 'services/pets/dogs/b.ts': '', 'services/pets/cats/b.ts': '' })
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, said)
  })
}

test('reports a ring of files, but not one of types', async () => {
  const ring = { 'cloud/a.ts': "import './b.ts'", 'cloud/b.ts': "import './c.ts'", 'cloud/c.ts': "import './a.ts'" }
  assert.deepEqual(await check(ring), ['ring of files: cloud/a.ts > cloud/b.ts > cloud/c.ts > cloud/a.ts'])
  assert.deepEqual(await check({ ...ring, 'cloud/c.ts': "import type { A } from './a.ts'" }), [])
})

test('reports a ring of folders whose files make none', async () => {
  const problems = await check({
    'cloud/a/one.ts': "import '../b/one.ts'",
    'cloud/b/one.ts': '',
    'cloud/b/two.ts': "import '../a/two.ts'",
    'cloud/a/two.ts': '',
  })
  assert.deepEqual(problems, ['ring of folders: cloud/a > cloud/b > cloud/a'])
})

test('a folder and one inside it make no ring', async () => {
  assert.deepEqual(
    await check({ 'cloud/a.ts': "import './x/b.ts'", 'cloud/x/b.ts': "import '../c.ts'", 'cloud/c.ts': '' }),
    [],
  )
})
