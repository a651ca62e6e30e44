// The patches of docs/modify: each is applied to a copy of what there is, and its own tests pass there.
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, it } from 'node:test'
import { run } from '@kilonova/base/command'

const ROOT = join(import.meta.dirname, '..')
const EXAMPLES = join(ROOT, 'docs/modify/examples')
const OURS = '@kilonova'
const LIMIT_MS = 280_000

let copy: string
before(async () => {
  copy = await mkdtemp(join(tmpdir(), 'kilonova-examples-'))
  const isSource = (path: string): boolean => !['node_modules', '.runtime', '.git'].includes(basename(path))
  for (const name of ['packages', 'services', 'plugins', 'cloud', 'package.json', 'tsconfig.json'])
    await cp(join(ROOT, name), join(copy, name), { recursive: true, filter: isSource })
  await linkModules()
})
after(() => rm(copy, { recursive: true, force: true }))

/** The copy has its own packages, and everybody else's from here. */
async function linkModules(): Promise<void> {
  const from = join(ROOT, 'node_modules')
  const to = join(copy, 'node_modules')
  await mkdir(join(to, OURS), { recursive: true })
  for (const name of await readdir(from)) if (name !== OURS) await symlink(join(from, name), join(to, name))
  for (const name of await readdir(join(from, OURS)))
    await symlink(await readlink(join(from, OURS, name)), join(to, OURS, name))
}

/** The tests that a patch brings. */
async function testsOf(patch: string): Promise<string[]> {
  const text = await readFile(join(EXAMPLES, patch), 'utf8')
  return [...text.matchAll(/^\+\+\+ b\/(.+\.test\.ts)$/gm)].map(([, file]) => file!)
}

const git = (...args: string[]) => run('git', ['apply', ...args], { cwd: copy })

for (const patch of ['column.patch', 'disk-backend.patch']) {
  it(`${patch} fits, and what it brings works`, async () => {
    const tests = await testsOf(patch)
    assert.ok(tests.length > 0)
    await git(join(EXAMPLES, patch))
    try {
      const { NODE_TEST_CONTEXT: _, ...env } = process.env // a runner inside a runner would report to the outer one
      const { stdout } = await run(process.execPath, ['--test', '--test-reporter=tap', ...tests], {
        ...{ cwd: copy, env, timeout: LIMIT_MS },
      })
      assert.match(stdout, /^# pass [1-9]/m)
    } finally {
      await git('--reverse', join(EXAMPLES, patch))
    }
  })
}

it('both fit together, and their types are right', async () => {
  for (const patch of ['column.patch', 'disk-backend.patch']) await git(join(EXAMPLES, patch))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [compiler, '--noEmit', '-p', '.'], { cwd: copy, timeout: LIMIT_MS })
})
