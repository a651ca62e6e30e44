import assert from 'node:assert/strict'
import { cp, symlink } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'
import { withTree } from './tree.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** What the project's Biome configuration says of the files, as `file:line`. */
function lint(files: Record<string, string>): Promise<string[]> {
  return withTree({ 'tools/.keep': '', ...files }, async (root) => {
    await cp(join(ROOT, 'biome.json'), join(root, 'biome.json'))
    await cp(join(ROOT, 'tools/raw-time.grit'), join(root, 'tools/raw-time.grit'))
    await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
    const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome')
    const args = [biome, 'lint', '--error-on-warnings', '--reporter=github', '.']
    const { stdout } = await run(process.execPath, args, { cwd: root, accept: [0, 1] })
    return [...stdout.matchAll(/file=([^,]+),line=(\d+)/g)]
      .map(([, file, line]) => `${relative(root, file!)}:${line}`)
      .sort()
  })
}

const RAW = [
  "import { setTimeout as sleep } from 'node:timers/promises'",
  'export const a = Date.now()',
  'export const b = Math.random()',
  'export const c = new Date()',
  'export const d = setTimeout(() => sleep(1), 5)',
  'export const e = setInterval(() => undefined, 5)',
  'export const f = performance.now()',
  'export const fine = new Date(5)',
].join('\n')

test('raw time and randomness are errors', async () => {
  const found = await lint({ 'services/x.ts': RAW })
  assert.deepEqual(
    found,
    [1, 2, 3, 4, 5, 6, 7].map((line) => `services/x.ts:${line}`),
  )
})

test('raw time is allowed where it belongs', async () => {
  assert.deepEqual(await lint({ 'packages/base/x.ts': RAW, 'services/x.test.ts': RAW, 'bench/x.ts': RAW }), [])
})

test('a function of more than 80 lines is an error, outside tests', async () => {
  const long = `export function long(): void {\n${'  console.log()\n'.repeat(81)}}\n`
  assert.deepEqual(await lint({ 'cloud/x.ts': long, 'cloud/x.test.ts': long }), ['cloud/x.ts:1'])
})
