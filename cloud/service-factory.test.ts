import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { Hosts } from './hosts.ts'
import type { Parts } from './parts.ts'
import { binariesOf, startService } from './service-factory.ts'

test('each role brings its services, in order', () => {
  assert.deepEqual(binariesOf('conductor'), ['nova-conductor', 'nova-scheduler'])
  assert.deepEqual(binariesOf('agent'), ['nova-compute'])
})

test('a service is started by the name of its binary, and told how long it has to end', async () => {
  const told: (number | undefined)[] = []
  const hosts = { start: () => told.push(undefined), stop: async (graceMs: number) => void told.push(graceMs) }
  const needs = { parts: {} as Parts, host: 'h1', hosts: hosts as unknown as Hosts }
  const end = await startService('nova-compute', needs)
  await end(1500)
  assert.deepEqual(told, [undefined, 1500])
  assert.throws(
    () => startService('nova-computer', needs),
    (error) => isFault(error, 'UnknownBinary') && error.message.includes('nova-compute.'),
  )
})
