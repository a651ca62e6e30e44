import assert from 'node:assert/strict'
import { test } from 'node:test'
import { performChecks } from './check.ts'
import { withTree } from './tree.ts'

test('says what a failed check said, and that one failed', async () => {
  const files = {
    'good.mjs': "console.log('fine')",
    'bad.mjs': "console.log('two'); console.error('things'); process.exit(3)",
  }
  await withTree(files, async (root) => {
    const good = { name: 'good', args: ['good.mjs'] }
    const bad = { name: 'bad', args: ['bad.mjs'] }
    const lines: string[] = []
    assert.equal(await performChecks(root, [bad, good, good], (text) => lines.push(text)), false)
    const text = lines.join('\n').replaceAll(/\d+\.\d/g, '0.0')
    assert.match(text, /^FAILED bad \(0\.0 s\)\n {2}two\n {2}things$/m)
    assert.equal(text.match(/^ok {5}good \(0\.0 s\)$/gm)?.length, 2)
    assert.equal(await performChecks(root, [good], () => undefined), true)
  })
})
