import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { systemClock } from './clock.ts'
import { CommandFailed, run } from './command.ts'

const parentOf = async (): Promise<number> => Number((await run('sh', ['-c', 'echo $PPID'])).stdout)

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await systemClock.sleep(10)
}

suite('commands', () => {
  test('text and bytes go in, what was said comes out', async () => {
    assert.deepEqual(await run('cat', [], { input: 'ü\n' }), { code: 0, stdout: 'ü\n', stderr: '' })
    assert.equal((await run('cat', [], { input: Buffer.from('bytes') })).stdout, 'bytes')
    assert.equal((await run('sh', ['-c', 'echo told >&2'])).stderr, 'told\n')
    assert.equal((await run('true', [], { input: 'x'.repeat(1_000_000) })).code, 0)
  })

  test('many at once each get their own answer', async () => {
    const words = Array.from({ length: 50 }, (_, i) => `word ${i}`)
    const said = await Promise.all(words.map((word) => run('echo', [word])))
    assert.deepEqual(
      said.map(({ stdout }) => stdout.trim()),
      words,
    )
  })

  test('arguments reach the program as they are, and no shell', async () => {
    const args = ['a b', '$HOME', '; echo', '']
    const { stdout } = await run('sh', ['-c', 'for one in "$@"; do printf "%s|" "$one"; done', 'sh', ...args])
    assert.equal(stdout, 'a b|$HOME|; echo||')
  })

  test('environment and folder are the given ones, else those of now', async () => {
    assert.equal((await run('pwd', [], { cwd: tmpdir() })).stdout.trim(), tmpdir())
    assert.equal((await run('pwd', [])).stdout.trim(), process.cwd())
    process.env['COMMAND_TEST'] = 'now'
    const asked = ['-c', 'echo $COMMAND_TEST']
    assert.equal((await run('sh', asked)).stdout, 'now\n')
    delete process.env['COMMAND_TEST']
    assert.equal((await run('sh', asked)).stdout, '\n')
    assert.equal((await run('/bin/sh', asked, { env: { COMMAND_TEST: 'given' } })).stdout, 'given\n')
  })

  test('an exit code that is not accepted throws with what was said', async () => {
    const asked = ['-c', 'echo why >&2; exit 3']
    await assert.rejects(run('sh', asked), (error) => {
      assert.ok(error instanceof CommandFailed)
      assert.deepEqual([error.code, error.stderr], [3, 'why\n'])
      assert.match(error.message, /^sh -c .* ended with code 3: why$/s)
      return true
    })
    assert.equal((await run('sh', asked, { accept: [0, 3] })).code, 3)
  })

  test('a program that is not there is said to be not installed', async () => {
    await assert.rejects(run('no-such-program', []), { message: /is not installed/, code: null })
  })

  test('what cannot be an argument throws too', async () => {
    await assert.rejects(run('echo', ['a\0b']), { name: 'CommandFailed', message: /could not run/ })
  })

  test('one that takes too long is killed', async () => {
    await assert.rejects(run('sleep', ['1000'], { timeout: 50 }), {
      message: /was ended by SIGKILL \(time limit 50 ms/,
    })
  })

  test('an aborted one is killed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'command-'))
    try {
      const file = join(directory, 'pid')
      const asked = new AbortController()
      const reason = new Error('enough')
      const under = run('sh', ['-c', `echo $$ > ${file}; exec sleep 1000`], { signal: asked.signal })
      const caught = under.then(
        () => assert.fail('it ended by itself'),
        (error) => error,
      )
      let pid = 0
      while (pid === 0) pid = Number(await readFile(file, 'utf8').catch(() => ''))
      asked.abort(reason)
      assert.equal((await caught).cause, reason)
      await untilGone(pid)
      await assert.rejects(run('true', [], { signal: asked.signal }), { name: 'CommandFailed', cause: reason })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('the small process starts them; when it is lost those under way fail, and later ones run', async () => {
    const starter = await parentOf()
    assert.notEqual(starter, process.pid)
    assert.equal(await parentOf(), starter)
    const under = run('sh', ['-c', 'kill -9 $PPID'])
    await assert.rejects(under, { name: 'CommandFailed', message: /could not run/ })
    assert.notEqual(await parentOf(), starter)
  })

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`it ends with its parent, ended by ${signal}`, async () => {
      const program = `
        import { run } from '${join(import.meta.dirname, 'command.ts')}'
        process.on('SIGTERM', () => process.exit())
        console.log((await run('sh', ['-c', 'echo $PPID'])).stdout)
        setInterval(() => undefined, 1000)`
      const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [told] = await once(parent.stdout, 'data')
      const starter = Number(told)
      assert.ok(isAlive(starter))
      parent.kill(signal)
      await untilGone(starter)
    })
  }

  test('when the parent is killed, what must end with it does, and the rest goes on', async () => {
    const program = `
      import { run } from '${join(import.meta.dirname, 'command.ts')}'
      for (const endsWithUs of [true, false]) run('sleep', ['1000'], { endsWithUs })
      console.log((await run('sh', ['-c', 'echo $PPID'])).stdout)
      const { stdout } = await run('pgrep', ['-P', (await run('sh', ['-c', 'echo $PPID'])).stdout.trim(), '-x', 'sleep'])
      console.log(stdout)
      setInterval(() => undefined, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let told = ''
    for await (const chunk of parent.stdout) {
      told += chunk
      if (told.trim().split(/\s+/).length === 3) break
    }
    const [starter, mortal, other] = told.trim().split(/\s+/).map(Number) as [number, number, number]
    parent.kill('SIGKILL')
    await Promise.all([untilGone(starter), untilGone(mortal)])
    assert.ok(isAlive(other))
    process.kill(other, 'SIGKILL')
  })

  test('it holds up nobody who has nothing more to do', async () => {
    const program = `import { run } from '${join(import.meta.dirname, 'command.ts')}'; await run('true', [])`
    const [code] = await once(spawn(process.execPath, ['--input-type=module', '-e', program]), 'exit')
    assert.equal(code, 0)
  })
})
