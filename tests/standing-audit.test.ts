// The leak audit that a cloud does by itself: its result is shown, and its orphans are logged.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openLog } from '@kilonova/base/log'
import { systemRandom } from '@kilonova/base/random'
import { until } from '@kilonova/cloud/api-client'
import type { CloudStatus } from '@kilonova/cloud/operator/status'
import type { FakeCloud } from './fake-cloud.ts'
import { startFakeCloud } from './fake-cloud.ts'

const status = (fake: FakeCloud) => fake.admin.ask<CloudStatus>({ path: '/kilonova/v1/status' })

async function metric(fake: FakeCloud, name: string): Promise<string | undefined> {
  const text = await (await fetch(`${fake.cloud.url}/metrics`)).text()
  return text
    .split('\n')
    .find((line) => line.startsWith(name))
    ?.split(' ')
    .at(-1)
}

describe('the audit every second', () => {
  const orphan = systemRandom.uuid()
  let directory: string
  let fake: FakeCloud
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kilonova-log-'))
    openLog({ file: join(directory, 'log'), level: 'warn' })
    fake = await startFakeCloud({ config: '[audit]\ninterval = 1\n' })
  })
  after(async () => {
    await fake?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  it('shows that all is well', async () => {
    const audit = await until(300, async () => (await status(fake)).audit ?? undefined)
    assert.deepEqual([audit?.orphans, audit?.unchecked], [0, 0])
    assert.equal(await metric(fake, 'kilonova_audit_orphans{kind="any"}'), '0')
    assert.ok(Number(await metric(fake, 'kilonova_audit_timestamp_seconds')) > 0)
  })

  it('shows and logs what it finds', async () => {
    const { compute } = fake.cloud.parts
    const [node] = await fake.admin
      .ask<{ hypervisors: { id: string }[] }>({
        path: '/compute/v2.1/os-hypervisors',
        headers: { 'openstack-api-version': 'compute 2.53' },
      })
      .then(({ hypervisors }) => hypervisors)
    const allocations = { [node!.id]: { VCPU: 1 } }
    await compute.placement.claim({ consumerId: orphan, projectId: 'p', userId: 'u', allocations })
    const audit = await until(300, async () => {
      const { audit: last } = await status(fake)
      return last && last.orphans > 0 ? last : undefined
    })
    assert.equal(audit?.orphans, 1)
    assert.equal(await metric(fake, 'kilonova_audit_orphans{kind="claim"}'), '1')
    const lines = (await readFile(join(directory, 'log'), 'utf8')).trim().split('\n')
    const warned = lines.map((line) => JSON.parse(line)).filter(({ part }) => part === 'cloud.audit')
    assert.deepEqual([warned[0]?.kind, warned[0]?.id, warned[0]?.level], ['claim', orphan, 40])
  })
})

it('an audit that was asked for is kept, and none is done where the interval is 0', async () => {
  const fake = await startFakeCloud({ config: '[audit]\ninterval = 0\n' })
  try {
    assert.equal((await status(fake)).audit, null)
    assert.equal(await metric(fake, 'kilonova_audit_orphans{'), undefined)
    await fake.admin.ask({ path: '/kilonova/v1/audit' })
    assert.equal((await status(fake)).audit?.orphans, 0)
  } finally {
    await fake.stop()
  }
})
