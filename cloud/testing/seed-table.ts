// The acceptance checks and what tests say of them, a line each.
import type { Outcome } from './outcomes.ts'
import { seedCheckNames, seedChecks } from './seed-checks.ts'

export interface SeedTable {
  lines: string[]
  passed: number
  failed: number
  skipped: number
}

interface Row {
  name: string
  said: string
  result: 'pass' | 'FAIL' | 'skip'
  /** Of a skip or a failure. */
  why: string
}

/** A check passes when tests make it and none of them failed; one that is only skipped names what is missing. */
export function seedTable(outcomes: readonly Pick<Outcome, 'name' | 'result' | 'why'>[]): SeedTable {
  const rows = seedCheckNames.map((name) => rowOf(name, outcomes))
  const count = (result: Row['result']): number => rows.filter((row) => row.result === result).length
  const lines = rows.map(({ name, said, result, why }) =>
    `${result}  ${name.replace('seed-', '').padEnd(9)}  ${said}${why === '' ? '' : `: ${why}`}`.trimEnd(),
  )
  return { lines, passed: count('pass'), failed: count('FAIL'), skipped: count('skip') }
}

function rowOf(name: string, outcomes: Parameters<typeof seedTable>[0]): Row {
  const [part = '', number = ''] = name.replace('seed-', '').split(/-/)
  const said = seedChecks[part]![Number(number) - 1]!
  const asked = new RegExp(`${RegExp.escape(name)}(?!\\d)`)
  const tests = outcomes.filter((outcome) => asked.test(outcome.name))
  const failed = tests.find(({ result }) => result === 'failed')
  if (failed) return { name, said, result: 'FAIL', why: failed.why.split('\n')[0] ?? '' }
  if (tests.some(({ result }) => result === 'passed')) return { name, said, result: 'pass', why: '' }
  const [skipped] = tests
  if (skipped) return { name, said, result: 'skip', why: skipped.why }
  return { name, said, result: 'FAIL', why: 'no test makes it' }
}
