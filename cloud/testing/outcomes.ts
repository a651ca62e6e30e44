// The reporter inside each test process: one JSON line per finished test, for test-file.ts to read.
// It also ends a process that stays alive long after its last test, and says what holds it.
import { writeSync } from 'node:fs'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'
import { systemClock, type Timer } from '@kilonova/base/clock'

/** How one test, or one skipped or broken suite, ended. */
export interface Outcome {
  /** Its name after those of its suites. */
  name: string
  /** `file:line`, where known. */
  at: string
  result: 'passed' | 'failed' | 'skipped'
  /** For a skip its reason; for a failure the error with its causes. */
  why: string
}

const STAYS_ALIVE_MS = 60_000

export default async function* outcomes(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = []
  let running = 0
  let alarm: Timer | undefined
  for await (const { type, data } of events) {
    if (type === 'test:enqueue') running++
    if (type === 'test:complete') running--
    if (type === 'test:enqueue' || type === 'test:complete') {
      alarm?.cancel()
      alarm = running === 0 ? systemClock.after(STAYS_ALIVE_MS, endProcess) : undefined
    }
    if (type === 'test:start') names.splice(data.nesting, names.length, data.name)
    if (type === 'test:pass' || type === 'test:fail') {
      const ended = judge(type === 'test:pass', data)
      const at = data.file ? `${data.file}:${data.line}` : ''
      if (ended) yield `${JSON.stringify({ name: names.slice(0, data.nesting + 1).join(' > '), at, ...ended })}\n`
    }
  }
}

interface Ended {
  skip?: string | boolean
  todo?: string | boolean
  details: { type?: string; error?: Error & { failureType?: string } }
}

function judge(passed: boolean, { skip, todo, details }: Ended): Pick<Outcome, 'result' | 'why'> | undefined {
  if (todo) return { result: 'failed', why: 'is marked todo: finish it or remove it' }
  if (skip === true || skip === '') return { result: 'failed', why: 'is skipped without a reason' }
  if (skip) return { result: 'skipped', why: skip }
  if (passed) return details.type === 'suite' ? undefined : { result: 'passed', why: '' }
  const { error } = details
  if (error?.failureType === 'subtestsFailed') return undefined
  return { result: 'failed', why: describe(error?.cause ?? error) }
}

function describe(error: unknown): string {
  const text = typeof error === 'string' ? error : inspect(error, { depth: 6 })
  return text
    .split('\n')
    .filter((line) => !/^\s*at .*\(?node:internal/.test(line))
    .join('\n')
}

function endProcess(): void {
  const held = process.getActiveResourcesInfo().join(', ')
  writeSync(2, `still alive ${STAYS_ALIVE_MS / 1000} s after its last test; what is open: ${held}\n`)
  process.exit(1)
}
