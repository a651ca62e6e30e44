import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { type CommandResult, run } from '@kilonova/base/command'
import { withTree } from './tree.ts'

const LAUNCHER = resolve(import.meta.dirname, '../kilonova')

/** Stands for the registry's client: writes down how it was called, and makes node_modules as it would. */
const NPM = `#!/bin/sh
echo "$*" >>"$0.calls"
[ "$1" != ci ] || rm -rf node_modules
mkdir -p node_modules
while [ -e "$0.wait" ]; do sleep 0.05; done
[ ! -e "$0.fail" ] || { echo 'npm says no' >&2; exit 1; }
echo 'added 1 package'
`

interface Clone {
  root: string
  kilonova(...args: string[]): Promise<CommandResult>
  /** The npm commands so far, without the options that are always the same. */
  calls(): Promise<string[]>
  env: NodeJS.ProcessEnv
  npm: string
}

/** A fresh clone in which Node is there and the dependencies are not. */
function withClone(work: (clone: Clone) => Promise<void>): Promise<void> {
  const files = {
    'package-lock.json': '{}',
    'bin/npm': NPM,
    'cloud/cli/main.ts': 'console.log(JSON.stringify(process.argv.slice(2)))',
  }
  return withTree(files, async (root) => {
    await chmod(root, 0o755)
    await copyFile(LAUNCHER, join(root, 'kilonova'))
    const [, version] = /^node_version=(.+)$/m.exec(await readFile(LAUNCHER, 'utf8'))!
    await mkdir(join(root, `.runtime/node-${version}/bin`), { recursive: true })
    await symlink(process.execPath, join(root, `.runtime/node-${version}/bin/node`))
    const npm = join(root, 'bin/npm')
    await chmod(npm, 0o755)
    const env = { PATH: `${join(root, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin` }
    const kilonova = (...args: string[]) => run(join(root, 'kilonova'), args, { env, accept: [0, 1] })
    const calls = async () => {
      const text = await readFile(`${npm}.calls`, 'utf8').catch(() => '')
      return text.split('\n').flatMap((line) => (line ? [line.replace(/ ?--ignore-scripts.*/, '')] : []))
    }
    await work({ root, kilonova, calls, env, npm })
  })
}

test('installs once, says so on stderr, and leaves stdout to the command', () =>
  withClone(async ({ kilonova, calls }) => {
    const first = await kilonova('status', '--json')
    assert.equal(first.stdout, '["status","--json"]\n')
    assert.match(first.stderr, /^kilonova: installing the npm dependencies .*\n$/)
    const second = await kilonova('status')
    assert.deepEqual([second.stdout, second.stderr], ['["status"]\n', ''])
    assert.deepEqual(await calls(), ['ci --omit=dev'])
  }))

test('adds the development tools where they are needed, without emptying node_modules', () =>
  withClone(async ({ kilonova, calls, root }) => {
    await kilonova('status')
    await writeFile(join(root, 'node_modules/kept'), '')
    assert.equal((await kilonova('node', '-p', '1 + 1')).stdout, '2\n')
    await kilonova('node', '-p', '1')
    await kilonova('status')
    assert.deepEqual(await calls(), ['ci --omit=dev', 'install --no-save'])
    assert.equal(await readFile(join(root, 'node_modules/kept'), 'utf8'), '')
  }))

test('brings the dependencies in step with a new lock file', () =>
  withClone(async ({ kilonova, calls, root }) => {
    await kilonova('status')
    await writeFile(join(root, 'package-lock.json'), '{ "new": true }')
    await kilonova('status')
    assert.deepEqual(await calls(), ['ci --omit=dev', 'install --no-save --omit=dev'])
  }))

test('two at once install once', () =>
  withClone(async ({ kilonova, calls }) => {
    const both = await Promise.all([kilonova('one'), kilonova('two')])
    assert.deepEqual(
      both.map(({ stdout }) => stdout),
      ['["one"]\n', '["two"]\n'],
    )
    assert.deepEqual(await calls(), ['ci --omit=dev'])
  }))

test('recovers from an installation that was killed', () =>
  withClone(async ({ kilonova, calls, root, env, npm }) => {
    await kilonova('status')
    await writeFile(`${npm}.wait`, '')
    await writeFile(join(root, 'package-lock.json'), '{ "new": true }')
    const child = spawn(join(root, 'kilonova'), ['status'], { env, detached: true, stdio: 'ignore' })
    while ((await calls()).length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    process.kill(-child.pid!, 'SIGKILL')
    await once(child, 'exit')
    await run('rm', [`${npm}.wait`])
    assert.equal((await kilonova('status')).stdout, '["status"]\n')
    assert.deepEqual((await calls()).at(-1), 'ci --omit=dev')
  }))

test('shows what npm said when it fails, and tries again the next time', () =>
  withClone(async ({ kilonova, npm }) => {
    await writeFile(`${npm}.fail`, '')
    const failed = await kilonova('status')
    assert.equal(failed.code, 1)
    assert.equal(failed.stdout, '')
    assert.match(failed.stderr, /npm says no\nkilonova: npm could not install the dependencies: see above/)
    await run('rm', [`${npm}.fail`])
    assert.equal((await kilonova('status')).code, 0)
  }))

test('finds its repository through a symbolic link', () =>
  withClone(async ({ root, env }) => {
    await symlink(join(root, 'kilonova'), join(root, 'bin/kn'))
    assert.equal((await run(join(root, 'bin/kn'), ['status'], { env, cwd: '/' })).stdout, '["status"]\n')
  }))

const noOtherUser = process.getuid?.() !== 0 && 'only root can become another user'

test('says what to run where it may not write', { skip: noOtherUser }, () =>
  withClone(async ({ root, env }) => {
    const args = ['--reuid=65534', '--regid=65534', '--clear-groups', join(root, 'kilonova'), 'up']
    const { stderr } = await run('setpriv', args, { env, accept: [1] })
    assert.match(stderr, new RegExp(`you may not write there; run: sudo ${root}/kilonova up\n$`))
  }),
)
