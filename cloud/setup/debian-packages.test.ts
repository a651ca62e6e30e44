import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'
import { holdServices, packageStates } from './debian-packages.ts'

test('reads the states of a dpkg database', () => {
  const states = packageStates(`Package: bash
Essential: yes
Status: install ok installed
Description: a shell

Package: removed
Status: deinstall ok config-files
Conffiles:
 /etc/removed.conf 0123

Package: broken
Status: install ok half-configured

Package: libc6
Status: install ok installed
Architecture: amd64

Package: libc6
Status: install ok unpacked
Architecture: i386
`)
  assert.deepEqual(Object.fromEntries(states), {
    bash: 'installed',
    removed: 'config-files',
    broken: 'half-configured',
    libc6: 'installed',
  })
})

test('agrees with dpkg about this machine', async () => {
  const states = packageStates(await readFile('/var/lib/dpkg/status', 'latin1'))
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own syntax
  const { stdout } = await run('dpkg-query', ['-f', '${Package} ${db:Status-Status}\n', '-W'])
  const said = stdout.split('\n').flatMap((line) => /^(.+) installed$/.exec(line)?.slice(1) ?? [])
  const ours = [...states].flatMap(([name, state]) => (state === 'installed' ? [name] : []))
  assert.deepEqual(new Set(ours), new Set(said))
})

async function withPolicyPath(work: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'policy-'))
  try {
    await work(join(directory, 'policy-rc.d'))
  } finally {
    await rm(directory, { recursive: true })
  }
}

const hasSystemd = await stat('/run/systemd/system').then(
  () => 'systemd runs here: no policy is written',
  () => false,
)

test('forbids services while held, and leaves no policy behind', { skip: hasSystemd }, () =>
  withPolicyPath(async (path) => {
    const release = await holdServices(path)
    assert.equal((await run(path, [], { accept: [0, 101] })).code, 101)
    await release()
    await assert.rejects(stat(path), { code: 'ENOENT' })
  }),
)

test('leaves a policy of the administrator alone', { skip: hasSystemd }, () =>
  withPolicyPath(async (path) => {
    await writeFile(path, '#!/bin/sh\nexit 0\n')
    await chmod(path, 0o755)
    const release = await holdServices(path)
    await release()
    assert.equal(await readFile(path, 'utf8'), '#!/bin/sh\nexit 0\n')
  }),
)

test('a policy whose writer died forbids nothing and is replaced', { skip: hasSystemd }, () =>
  withPolicyPath(async (path) => {
    const door = JSON.stringify(import.meta.resolve('./debian-packages.ts'))
    const script = `import { holdServices } from ${door}; await holdServices(${JSON.stringify(path)})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
    assert.deepEqual(await once(child, 'exit'), [0, null])
    assert.equal((await run(path, [], { accept: [0, 101] })).code, 0)
    const release = await holdServices(path)
    assert.equal((await run(path, [], { accept: [0, 101] })).code, 101)
    await release()
  }),
)
