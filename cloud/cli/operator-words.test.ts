import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TaskView } from '../operator/task-view.ts'
import { auditLines } from './audit.ts'
import { inWords } from './tasks.ts'

const AT = '2026-01-02T03:04:05.000Z'
const NOW = Date.parse(AT) + 12_000

const task: TaskView = {
  id: 't1',
  name: 'server.build',
  resource: { type: 'server', id: 's1' },
  project_id: 'p1',
  request_id: 'req-1',
  state: 'running',
  direction: 'do',
  step: 'guest',
  step_since: AT,
  attempt: 1,
  tries: 0,
  reason: null,
  error: null,
  cancelled: null,
  owner: 'one',
  created_at: AT,
  started_at: AT,
  due_at: AT,
  deadline_at: AT,
  ended_at: null,
}

describe('tasks in words', () => {
  it('says when there is none', () => {
    assert.equal(inWords([], false, NOW), 'Nothing is in flight.\n')
    assert.equal(inWords([], true, NOW), 'No task is stuck.\n')
  })

  it('lists what, since when, which step, why and who', () => {
    const second = { ...task, id: 't2', name: 'image.clean', resource: null, step: null, owner: null, reason: 'waits' }
    assert.deepEqual(inWords([task, second], false, NOW).split('\n'), [
      'ID  TASK          RESOURCE   SINCE     STEP   STATE           HOLDER',
      't1  server.build  server s1  12 s ago  guest  running         one',
      't2  image.clean   -          12 s ago  -      running: waits  -',
      '',
    ])
  })

  it('says of a stuck one why, and how it goes on', () => {
    const stuck = {
      ...task,
      state: 'stuck' as const,
      direction: 'undo' as const,
      attempt: 2,
      tries: 12,
      error: { code: null, message: 'no way' },
    }
    const text = inWords([stuck], true, NOW)
    assert.match(text, /guest \(undo\) {2}stuck, attempt 2, failed 12 times: no way {2}one/)
    assert.match(text, /then: \.\/kilonova tasks retry t1\n$/)
  })
})

describe('an audit in words', () => {
  it('names each orphan, what was not looked at, and how many things were', () => {
    const orphans = [
      { kind: 'domain', id: 'a', host: 'h1', why: 'of no server' },
      { kind: 'port', id: 'p', why: 'of no server' },
    ]
    const unchecked = [{ what: 'guests of h2', why: 'nobody answers' }]
    assert.deepEqual(auditLines({ orphans, checked: { port: 3, domain: 2 }, unchecked }), [
      'KIND    ID  HOST  WHY',
      'domain  a   h1    of no server',
      'port    p   -     of no server',
      'not looked at: guests of h2: nobody answers',
      '2 orphans among 5 things (2 domain, 3 port)',
    ])
  })

  it('says so when there is none', () => {
    assert.deepEqual(auditLines({ orphans: [], checked: { port: 1 }, unchecked: [] }), [
      'no orphan among 1 things (1 port)',
    ])
  })
})
