import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Facts } from './advice.ts'
import { adviceOf } from './advice.ts'
import type { ExplainedOperation, ExplainedServer, RemovedHosts } from './explanation.ts'

const AT = '2026-01-02T03:04:05.000Z'

const server: ExplainedServer = {
  id: 'server-1',
  name: 'web',
  project_id: 'p1',
  project_name: 'demo',
  status: 'ACTIVE',
  vm_state: 'active',
  task_state: null,
  since: AT,
  created_at: AT,
  deleted_at: null,
  locked: false,
}

const operation: ExplainedOperation = {
  id: 'task-1',
  name: 'server.build',
  request_id: 'req-1',
  state: 'done',
  direction: 'do',
  attempt: 1,
  asked_at: AT,
  started_at: AT,
  ended_at: AT,
  deadline_at: AT,
  step: null,
  reason: null,
  cancelled: null,
  owner: null,
  error: null,
  steps: [],
}

const facts: Facts = {
  ...{ server, host: null, stalled: null },
  ...{ operation, fault: null, placement: null, lack: null },
}
const failed = { ...operation, state: 'undone', error: { code: 'X', message: 'No.', mend: 'Mend X.' } } as const
const building = { ...server, status: 'BUILD', vm_state: 'building', task_state: 'spawning' }
const broken = { ...server, status: 'ERROR', vm_state: 'error' }

const [zone, room, down] = ['AvailabilityZone', 'resources', 'ComputeFilter'].map((filter) => ({
  ...{ filter, hosts: 1, nearest: null },
})) as [RemovedHosts, RemovedHosts, RemovedHosts]

const cases: [what: string, parts: Partial<Facts>, advice: RegExp][] = [
  ['all is well', {}, /^Nothing: all is well/],
  ['deleted', { server: { ...building, deleted_at: AT } }, /^Nothing: it has been deleted/],
  [
    'under way',
    { server: building, operation: { ...operation, state: 'running' } },
    /^Wait: it is under way; .* undone/,
  ],
  [
    'naps',
    { server: building, operation: { ...operation, state: 'running', reason: 'waits for ports' } },
    /under way \(waits for ports\)/,
  ],
  [
    'undone now',
    { server: building, operation: { ...operation, state: 'running', direction: 'undo' } },
    /being undone/,
  ],
  ['waiting', { server: building, operation: { ...operation, state: 'waiting' } }, /begins when the operation before/],
  [
    'stuck',
    { server: building, operation: { ...failed, state: 'stuck' } },
    /^Mend X\.\n.*tasks retry task-1\.\n.*server delete server-1/,
  ],
  ['failed build', { server: broken, operation: failed }, /^Mend X\.\nThen delete it and make it anew/],
  ['failed action', { operation: failed }, /^Mend X\.\nIt is ACTIVE again/],
  ['abandoned', { server: building }, /^No operation works on it.*audit/],
  ['abandoned without records', { server: building, operation: null }, /^No operation works on it/],
  [
    'no room',
    { server: broken, operation: failed, placement: [{ filter: 'resources', hosts: 1, nearest: null }] },
    /^Choose a smaller flavor.*\nThen delete it/,
  ],
  [
    'no room where it suits',
    { server: broken, operation: failed, lack: 'no_capacity', placement: [zone, room] },
    /^Choose a smaller flavor[^\n]*\nThen delete it/,
  ],
  [
    'room, but none suits',
    { server: broken, operation: failed, lack: 'constraint', placement: [zone, room] },
    /^Name a zone[^\n]*\nThen delete it/,
  ],
  [
    'no host is up',
    { server: broken, operation: failed, lack: 'no_host_up', placement: [zone, down] },
    /^Bring up or enable[^\n]*\nThen delete it/,
  ],
  [
    'a filter that only its plug-in knows',
    { server: broken, operation: failed, lack: 'constraint', placement: [{ ...zone, filter: 'RackFilter' }] },
    /^Mend X\.\nThen delete it/,
  ],
  [
    'no room for what the guest writes',
    { host: { name: 'h', up: true, last_seen_at: AT, disabled_reason: null }, stalled: 'vda' },
    /^Its guest stands still: the host h has no room for what it writes to vda\..*\nMake room there/,
  ],
  ['host down', { host: { name: 'h', up: false, last_seen_at: AT, disabled_reason: null } }, /^Look at the host h/],
  ['error without records', { server: broken, operation: null }, /Nothing is recorded of what failed; then delete/],
  [
    'error with its fault only',
    { server: broken, operation: null, fault: { code: 500, message: 'No.', details: '', at: AT } },
    /^Mend what the fault says/,
  ],
]

describe('advice', () => {
  for (const [what, parts, advice] of cases) {
    it(what, () => assert.match(adviceOf({ ...facts, ...parts }).join('\n'), advice))
  }
})
