// Every step of every task of servers × every fault: whatever happens, a server ends whole, with nothing left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { faultCases } from '@kilonova/tasks/test-kit'
import type { Share, ShareResult } from './server-matrix.ts'
import { sagas } from './server-world.ts'

/** Cases whose failpoint has this text are looked at alone. */
const ONLY = process.env['KILONOVA_TEST_ONLY'] ?? ''
const SHARES = 2

async function run(share: Share): Promise<ShareResult> {
  const worker = new Worker(new URL('./server-matrix.ts', import.meta.url), { workerData: share })
  const [result] = await once(worker, 'message')
  await worker.terminate()
  return result
}

/** Answers how many cases there were. */
async function runAll(only: string, world: Partial<Share> = {}): Promise<number> {
  const shares = Array.from({ length: SHARES }, (_, number) => run({ ...world, only, number, of: SHARES }))
  const results = await Promise.all(shares)
  const cases = results.reduce((sum, result) => sum + result.cases, 0)
  assert.deepEqual(results.flatMap(({ failure }) => failure ?? []).join('\n'), '')
  assert.equal(cases, faultCases(sagas).filter(({ failpoint }) => failpoint.includes(only)).length)
  return cases
}

it('ends whole after any fault at any step of any task', async () => {
  const cases = await runAll(ONLY)
  console.log(`${cases} cases: ${sagas.length} tasks, every step and undo, 3 places, 4 faults`)
})

/** The steps to which it matters that a disk is a whole device. */
const ON_DEVICES = ['build.guest', 'delete.guest', 'rebuild.disks', 'rebuild.inPlace', 'rebuild.guest', 'snapshot.copy']

for (const step of ON_DEVICES.map((name) => `server.${name}`)) {
  it(`ends whole after any fault at ${step} on a whole device`, async () => {
    if (step.includes(ONLY)) await runAll(step, { alone: true, devices: ['20', '50-ssd'] })
  })
}

for (const task of ['server.resize', 'server.revert-resize', 'server.confirm-resize']) {
  it(`ends whole after any fault at any step of ${task} on one host`, async () => {
    if (task.includes(ONLY)) await runAll(`${task}.`, { options: 'allow_resize_to_same_host = true', alone: true })
  })
}
