import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { processesOf } from './processes.ts'
import { runTests, type Totals } from './run-tests.ts'

const HEAD = `import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
`

interface Ran {
  totals: Totals
  text: string
  lines: string[]
}

/** Runs the given files as a project of their own. */
async function runProject(files: Record<string, string>, options: { pattern?: string; limitMs?: number } = {}) {
  const root = await mkdtemp(join(tmpdir(), 'project-'))
  try {
    await writeFile(join(root, 'package.json'), '{"type":"module"}')
    for (const [path, body] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), HEAD + body)
    }
    const lines: string[] = []
    const totals = await runTests({ root, ...options, write: (line) => lines.push(line) })
    return { totals, lines, text: lines.join('\n') } satisfies Ran
  } finally {
    await rm(root, { recursive: true })
  }
}

test('counts passed, failed and skipped, and ends with the line of counts', async () => {
  const { totals, lines, text } = await runProject({
    'packages/a/good.test.ts': `test('one', () => {}); test('two', { skip: 'no tape drive' }, () => {})`,
    'tools/bad.test.ts': `describe('sums', () => { test('adds', () => assert.equal(1 + 1, 3, new Error('out', { cause: new Error('in') }))) })`,
  })
  assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 1 })
  assert.equal(lines.at(-1), '1 passed, 1 failed, 1 skipped')
  assert.match(text, /^skipped: packages\/a\/good\.test\.ts > two: no tape drive$/m)
  assert.match(text, /sums > adds {2}\(tools\/bad\.test\.ts:4\)/)
  assert.match(text, /Error: out.*\[cause\]: Error: in/s)
})

test('a skip without a reason and a todo are failures', async () => {
  const { totals, text } = await runProject({
    'tests/skips.test.ts': `test.skip('bare', () => {}); test.todo('later'); describe.skip('all of it', () => {})`,
  })
  assert.deepEqual(totals, { passed: 0, failed: 3, skipped: 0 })
  assert.match(text, /bare.*skipped without a reason/s)
})

test('a parent is not counted as failed besides its failed subtest', async () => {
  const { totals } = await runProject({
    'tests/nested.test.ts': `test('outer', async (t) => { await t.test('inner', () => assert.fail('no')) })`,
  })
  assert.deepEqual(totals, { passed: 0, failed: 1, skipped: 0 })
})

test('a file that does not load, and one without a test, are failures', async () => {
  const { totals, text } = await runProject({
    'tests/broken.test.ts': `import './nowhere.ts'`,
    'tests/empty.test.ts': `console.log('nothing here')`,
  })
  assert.deepEqual(totals, { passed: 0, failed: 2, skipped: 0 })
  assert.match(text, /^failed: tests\/broken\.test\.ts: ended with code 1/m)
  assert.match(text, /^failed: tests\/empty\.test\.ts: holds no test$/m)
  assert.match(text, /ERR_MODULE_NOT_FOUND/)
})

test('a file that runs too long is ended with all its children', async () => {
  const { totals, text } = await runProject(
    {
      'tests/hangs.test.ts': `test('waits', async () => {
          console.log('in <' + process.env.TMPDIR + '>')
          spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' })
          await new Promise(() => setInterval(() => {}, 1000))
        })`,
    },
    { limitMs: 8_000 },
  )
  assert.equal(totals.failed > 0, true)
  assert.match(text, /ran longer than 8 s/)
  assert.deepEqual(await processesOf(/in <(.+)>/.exec(text)![1]!), [])
})

test('files share one cache, and nothing else', async () => {
  const says = `test('says', () => {
    console.log('<' + process.env.KILONOVA_TEST_CACHE + '> <' + process.env.TMPDIR + '>')
    assert.fail()
  })`
  const { text } = await runProject({ 'tests/a.test.ts': says, 'tests/b.test.ts': says })
  const [one, two] = [...text.matchAll(/<(.+)> <(.+)>/g)]
  assert.ok(one && two, text)
  assert.equal(one[1], two[1])
  assert.notEqual(one[2], two[2])
  assert.ok(!one[1]!.startsWith(one[2]!))
})

test('a process left behind is a failure, and is ended', async () => {
  const { totals, text } = await runProject({
    'tests/leaves.test.ts': `test('spawns', () => { spawn('sleep', ['1001'], { detached: true, stdio: 'ignore' }).unref() })`,
  })
  assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 0 })
  const pid = /left a process behind: (\d+) sleep 1001/.exec(text)?.[1]
  assert.ok(pid, text)
  // It may stay a zombie until its new parent looks.
  assert.equal(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''), '')
})

test('a pattern chooses files by path, or else tests by name', async () => {
  const files = {
    'packages/a/first.test.ts': `test('apples', () => {}); test('pears (ripe)', () => {})`,
    'packages/b/second.test.ts': `test('plums', () => {})`,
  }
  assert.deepEqual((await runProject(files, { pattern: 'a/first' })).totals, { passed: 2, failed: 0, skipped: 0 })
  const byName = await runProject(files, { pattern: 'pears (ripe)' })
  assert.deepEqual(byName.totals, { passed: 1, failed: 0, skipped: 0 })
  assert.doesNotMatch(byName.text, /second/)
  const nothing = await runProject(files, { pattern: 'bananas' })
  assert.deepEqual(nothing.lines, ['no test ran', '0 passed, 0 failed, 0 skipped'])
})

test('real guests run one file at a time while there are other tests', async () => {
  const body = (name: string) => `import { appendFileSync } from 'node:fs'
    test('boots', async () => {
      appendFileSync('order', '${name} ')
      await new Promise((resolve) => setTimeout(resolve, 300))
      appendFileSync('order', '${name} ')
    })`
  const { text, totals } = await runProject({
    'tests/a.real.test.ts': body('a'),
    'tests/b.real.test.ts': body('b'),
    'tools/c.test.ts': `import { readFileSync } from 'node:fs'
      test('order', async () => {
        let order = ''
        while (order.split(' ').length < 5) {
          await new Promise((resolve) => setTimeout(resolve, 50))
          try { order = readFileSync('order', 'utf8') } catch {}
        }
        assert.equal(order, 'a a b b ')
      })`,
  })
  assert.deepEqual(totals, { passed: 3, failed: 0, skipped: 0 }, text)
})

test('an abort ends what runs and starts nothing more', async () => {
  const root = await mkdtemp(join(tmpdir(), 'project-'))
  try {
    await mkdir(join(root, 'tests'))
    const forever = `${HEAD}import { writeFileSync } from 'node:fs'
      writeFileSync(process.pid + '.started', process.env.TMPDIR)
      test('waits', () => new Promise(() => setInterval(() => {}, 1000)))`
    for (const name of ['a', 'b', 'c']) await writeFile(join(root, `tests/${name}.test.ts`), forever)
    const stop = new AbortController()
    const lines: string[] = []
    const ran = runTests({ root, signal: stop.signal, write: (line) => lines.push(line) })
    const started = async () => (await readdir(root)).filter((name) => name.endsWith('.started'))
    while ((await started()).length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
    stop.abort()
    assert.equal((await ran).failed > 0, true)
    for (const name of await started()) {
      assert.throws(() => process.kill(Number.parseInt(name, 10), 0), { code: 'ESRCH' })
    }
    assert.doesNotMatch(lines.join('\n'), /c\.test\.ts/)
  } finally {
    await rm(root, { recursive: true })
  }
})
