// Preloaded into the process of a cloud: kills it at one of all its deeds, as KILONOVA_TEST_DEATH says.
import { existsSync } from 'node:fs'
import { StatementSync } from 'node:sqlite'
import { die, judgeDeeds } from '@kilonova/base/testing-deeds'
import type { Death } from './death.ts'

const { path, when, armed } = JSON.parse(process.env['KILONOVA_TEST_DEATH']!) as Death
let passed = 0

/** True for the last deed of the path, once those before it have been done in their order. */
function isLast(deed: string): boolean {
  const next = path[passed]
  if (next === undefined || !new RegExp(next).test(deed) || !existsSync(armed)) return false
  passed++
  return passed === path.length
}

/** A commit is a deed, too; it is told with the tables that were written to. */
const WRITES = /^\s*(?:insert (?:or \w+ )?into|update|delete from) "?(\w+)/i
let written = new Set<string>()

type Call = (this: StatementSync, ...args: unknown[]) => unknown

function judged(call: Call): Call {
  return function (this: StatementSync, ...args) {
    const table = WRITES.exec(this.sourceSQL)?.[1]
    if (table) written.add(table)
    if (this.sourceSQL !== 'commit') return call.apply(this, args)
    const tables = [...written].sort()
    written = new Set()
    const ends = isLast(`commit ${tables.join(' ')}`)
    if (ends && when === 'before') die()
    const result = call.apply(this, args)
    if (ends) die()
    return result
  }
}

const statements = StatementSync.prototype as unknown as Record<'run' | 'all', Call>
for (const name of ['run', 'all'] as const) statements[name] = judged(statements[name])

const fate = when === 'before' ? ('killed-before' as const) : ('killed-after-begun' as const)
await judgeDeeds((deed) => (isLast(deed) ? fate : 'done'))
