import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ExplainedOperation, Explanation } from '@kilonova/compute/explain/explanation'
import { explanationLines } from './explanation-lines.ts'

const AT = '2026-01-02T03:04:05.000Z'
const NOW = Date.parse(AT) + 90_000

const operation: ExplainedOperation = {
  id: 'task-1',
  name: 'server.build',
  request_id: 'req-1',
  state: 'done',
  direction: 'do',
  attempt: 1,
  asked_at: AT,
  started_at: AT,
  ended_at: '2026-01-02T03:04:07.500Z',
  deadline_at: '2026-01-02T04:04:05.000Z',
  step: null,
  reason: null,
  cancelled: null,
  owner: null,
  error: null,
  steps: [
    { step: 'host', direction: 'do', attempt: 1, started_at: AT, outcome: 'done', seconds: 0.2, tries: 0, error: null },
  ],
}

const healthy: Explanation = {
  server: {
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
  },
  host: { name: 'host-1', up: true, last_seen_at: AT, disabled_reason: null },
  stalled: null,
  operation,
  fault: null,
  placement: null,
  lack: null,
  advice: ['Nothing: all is well with it.'],
}

const text = (told: Explanation): string => explanationLines(told, NOW).join('\n')

describe('an explanation in words', () => {
  it('goes from what it is now to what to do', () => {
    assert.deepEqual(explanationLines(healthy, NOW), [
      `web (server-1) is ACTIVE since ${AT} (1 min 30 s ago)`,
      '  state    active',
      '  host     host-1 (up)',
      '  project  demo (p1)',
      `  created  ${AT}`,
      '',
      `last operation: server.build, asked for at ${AT} by req-1`,
      '  done after 2.5 s',
      '  host  done  200 ms',
      '',
      'what to do:',
      '  Nothing: all is well with it.',
    ])
  })

  it('says for a placement which filter removed how many hosts, and what the nearest lacked', () => {
    const error = { code: 'NoValidHost', message: 'No valid host was found.', mend: null }
    const lines = text({
      ...healthy,
      host: null,
      operation: { ...operation, state: 'undone', error },
      placement: [
        { filter: 'resources', hosts: 2, nearest: 'h1: 6 VCPU short (asks for 8 VCPU, free are 2)' },
        { filter: 'ComputeFilter', hosts: 1, nearest: null },
      ],
    })
    assert.match(lines, /host {5}no host/)
    assert.match(lines, /failed and undone after 2\.5 s/)
    assert.match(lines, /why: No valid host was found\.\n\nwhere it could not go:/)
    assert.match(lines, / {2}resources {6}removed 2 hosts {2}nearest: h1: 6 VCPU short \(asks for 8 VCPU, free are 2\)/)
    assert.match(lines, / {2}ComputeFilter {2}removed 1 host$/m)
  })

  it('says of one under way what it waits for and who holds it, and of a host that it is down', () => {
    const lines = text({
      ...healthy,
      host: { name: 'host-1', up: false, last_seen_at: AT, disabled_reason: null },
      operation: {
        ...operation,
        state: 'running',
        direction: 'undo',
        ended_at: null,
        owner: 'one',
        attempt: 2,
        reason: 'waits until ports are active',
        steps: [
          {
            step: 'guest',
            direction: 'undo',
            attempt: 2,
            started_at: AT,
            outcome: null,
            seconds: 61,
            tries: 3,
            error: { code: null, message: 'boom\u001b[2J', mend: null },
          },
        ],
      },
    })
    assert.match(lines, /host-1 \(down, last seen 1 min 30 s ago\)/)
    assert.match(lines, /being undone \(attempt 2\), held by one, for 1 min 30 s/)
    assert.match(lines, /it says: waits until ports are active/)
    assert.match(lines, /undo guest {2}runs {2}1 min 1 s {2}attempt 2: 3 failed before: boom\\u001b\[2J/)
  })

  it('tells the fault of a server in error whose operation is no longer recorded', () => {
    const fault = { code: 500, message: 'It failed.', details: 'Really.', at: AT }
    const lines = text({ ...healthy, server: { ...healthy.server, status: 'ERROR' }, operation: null, fault })
    assert.match(lines, /last operation: none is recorded\n\nwhy: It failed\.\n {2}Really\./)
  })
})
