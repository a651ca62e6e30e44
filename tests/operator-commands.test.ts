// The operator's commands as processes: beside a cloud that runs, and without one.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'

const MAIN = join(import.meta.dirname, '../cloud/cli/main.ts')
const ANY_CODE = [0, 1, 2, 3, 4, 5]

describe("the operator's commands", () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-commands-'))
  })
  after(async () => {
    await kilonova('down')
    await rm(directory, { recursive: true, force: true })
  })

  const kilonova = (...args: string[]) =>
    run(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args, '--state-dir', directory], {
      accept: ANY_CODE,
    })
  const codes = async (...commands: string[]): Promise<number[]> => {
    const results = await Promise.all(commands.map((command) => kilonova(...command.split(' '))))
    return results.map(({ code }) => code)
  }

  it('say where nothing is that nothing is, and refuse what they do not know', async () => {
    assert.deepEqual(await codes('audit', 'tasks', 'explain web', 'db version', 'db purge'), [3, 3, 3, 3, 3])
    assert.deepEqual(await codes('tasks mend', 'db drop', 'db purge --before soon'), [2, 2, 2])
    const { stderr } = await kilonova('audit', '--json')
    assert.match(stderr, /No cloud is running .*\n {2}what to do: /)
  })

  it('name every step without a cloud', async () => {
    const { stdout } = await kilonova('tasks', '--steps')
    assert.ok(stdout.split('\n').includes('server.build.guest.undo'))
  })

  it('make the tables, once, and say how far they are', async () => {
    const first = await kilonova('db', 'sync')
    assert.match(first.stdout, /^done {2}tasks\/0001-tasks\n.*done {2}compute\/0001-compute\n.*steps done\.\n$/s)
    assert.match((await kilonova('db', 'sync')).stdout, /^Nothing to do/)
    const version = await kilonova('db', 'version')
    assert.deepEqual([version.code, /^identity +0001-identity$/m.test(version.stdout)], [0, true])
    assert.match((await kilonova('db', 'purge')).stdout, /: 0 tasks, 0 deleted servers, 0 records of actions\.\n$/)
  })

  it('work on a cloud that runs', async () => {
    await kilonova('up', '--detach', '--driver', 'fake', '--port', '0')
    assert.deepEqual(JSON.parse((await kilonova('audit', '--json')).stdout).orphans, [])
    assert.match((await kilonova('audit')).stdout, /^no orphan among \d+ things \(.*\)\n$/)
    assert.equal((await kilonova('tasks')).stdout, 'Nothing is in flight.\n')
    assert.deepEqual(JSON.parse((await kilonova('tasks', '--json')).stdout), [])
    const doctor = JSON.parse((await kilonova('doctor', '--json')).stdout) as { checks: { name: string }[] }
    for (const name of ['config', 'disk', 'time', 'cloud', 'store', 'hosts', 'tasks', 'audit'])
      assert.ok(
        doctor.checks.some((check) => check.name === name),
        name,
      )
    assert.match((await kilonova('db', 'purge')).stdout, /^Removed what ended before/)
    assert.deepEqual(await codes('db version', 'explain web', 'tasks retry none'), [0, 3, 3])
  })

  it('leave the database of a running cloud alone', async () => {
    const { code, stderr } = await kilonova('db', 'sync')
    assert.equal(code, 4)
    assert.match(stderr, /Another kilonova process uses .*\n {2}what to do: Use it/)
  })
})
