import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { announce, findRunning, withdraw } from './running-cloud.ts'
import { StateDirectory } from './state-directory.ts'

describe('a running cloud', () => {
  let state: StateDirectory
  before(async () => {
    state = new StateDirectory(await mkdtemp(join(tmpdir(), 'kilonova-running-')))
  })
  after(() => rm(state.path, { recursive: true, force: true }))

  const about = { url: 'http://127.0.0.1:1', roles: [], driver: 'fake', since: 0, drains: 0 } as const

  it('is found as long as its process lives and has not withdrawn', async () => {
    assert.equal(await findRunning(state), undefined)
    await announce(state, { ...about, roles: [] })
    assert.equal((await findRunning(state))?.pid, process.pid)
    await withdraw(state)
    assert.equal(await findRunning(state), undefined)
  })

  it('is not one whose pid is another process by now', async () => {
    await announce(state, { ...about, roles: [] })
    const told = JSON.parse(await readFile(state.runFile, 'utf8'))
    await writeFile(state.runFile, JSON.stringify({ ...told, ticks: '1' }))
    assert.equal(await findRunning(state), undefined)
    await withdraw(state)
  })

  it('is not one that has been killed and whom nobody has collected', async () => {
    // A shell that starts a child, tells its pid and never waits for it.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const [said] = (await once(parent.stdout, 'data')) as [Buffer]
      const pid = Number(said.toString())
      const ticks = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ')[21]
      await writeFile(state.runFile, JSON.stringify({ ...about, pid, ticks, version: '1' }))
      assert.equal((await findRunning(state))?.pid, pid)
      process.kill(pid, 'SIGKILL')
      while (!/^\d+ \(\w+\) Z/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await new Promise(setImmediate)
      assert.equal(await findRunning(state), undefined)
    } finally {
      parent.kill('SIGKILL')
    }
  })
})
