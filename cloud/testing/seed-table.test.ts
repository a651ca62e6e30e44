import assert from 'node:assert/strict'
import { it } from 'node:test'
import { seedCheckNames } from './seed-checks.ts'
import { seedTable } from './seed-table.ts'

it('says of each check whether a test made it', () => {
  const outcome = (name: string, result: 'passed' | 'failed' | 'skipped', why = '') => ({ name, result, why })
  const { lines, passed, failed, skipped } = seedTable([
    outcome('a server > seed-8.5.1-1: is built', 'passed'),
    outcome('a server > seed-8.5.1-2: fails', 'passed'),
    outcome('a server > seed-8.5.1-2: fails otherwise', 'failed', 'Error: it did not\n  at once'),
    outcome('disks > seed-8.5.15-3: lvm', 'skipped', 'device-mapper is missing'),
  ])
  assert.deepEqual([passed, failed, skipped], [1, seedCheckNames.length - 2, 1])
  assert.match(lines[0]!, /^pass {2}8\.5\.1-1 /)
  assert.match(lines[1]!, /^FAIL {2}8\.5\.1-2 .*: Error: it did not$/)
  assert.match(lines[2]!, /^FAIL .*: no test makes it$/)
  assert.ok(lines.some((line) => /^skip {2}8\.5\.15-3 .*: device-mapper is missing$/.test(line)))
})
