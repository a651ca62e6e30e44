// Runs every test of the project, two files at once, real guests beside the others as long as there are others; the last
// line counts them.
import { glob, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { errorChain } from '@kilonova/base/fault'
import { ensureDebianPackages } from '../setup/debian-packages.ts'
import type { Outcome } from './outcomes.ts'
import { seedTable } from './seed-table.ts'
import { type FileResult, runTestFile } from './test-file.ts'

export interface TestRun {
  /** The project's directory. */
  root: string
  /** A part of a file's path or, where no path has it, of a test's name. All tests when absent. */
  pattern?: string
  /** How long one file may take. Default 10 minutes. */
  limitMs?: number
  signal?: AbortSignal
  write: (line: string) => void
  /** Told how each test ended. */
  ended?: (outcome: Outcome) => void
}

export interface Totals {
  passed: number
  failed: number
  skipped: number
}

const FOLDERS = ['packages', 'services', 'plugins', 'dashboard', 'cloud', 'tests', 'tools']
const AT_ONCE = 2

/** Runs the tests, writes what happens line by line, and returns the counts of the last line. */
export async function runTests(run: TestRun): Promise<Totals> {
  const { files, name } = await choose(run)
  const results: FileResult[] = []
  const signal = run.signal ?? new AbortController().signal
  const real = files.filter((file) => file.endsWith('.real.test.ts'))
  const others = files.filter((file) => !file.endsWith('.real.test.ts'))
  const work = async (queues: string[][]) => {
    for (;;) {
      const file = queues.find((queue) => queue.length > 0)?.shift()
      if (file === undefined || signal.aborted) return
      const result = await runTestFile({ root: run.root, file, name, limitMs: run.limitMs ?? 1_200_000, signal })
      if (result.outcomes.length === 0 && result.problems.length === 0) continue
      results.push(result)
      for (const outcome of result.outcomes) run.ended?.(outcome)
      writeFile(result, run.write)
    }
  }
  // Real guests take longest: one worker begins with them.
  const orders = [[real, others], ...Array.from({ length: AT_ONCE - 1 }, () => [others, real])]
  await Promise.all(orders.map(work))
  return writeTotals(
    results.toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    run.write,
  )
}

async function choose({ root, pattern }: TestRun): Promise<{ files: string[]; name?: string }> {
  const found = glob(`{${FOLDERS.join(',')}}/**/*.test.ts`, { cwd: root, exclude: ['**/node_modules'] })
  const files = (await Array.fromAsync(found)).sort()
  if (!pattern) return { files }
  const byPath = files.filter((file) => file.includes(pattern))
  if (byPath.length > 0) return { files: byPath }
  const texts = await Promise.all(files.map((file) => readFile(resolve(root, file), 'utf8')))
  const byText = files.filter((_, index) => texts[index]!.includes(pattern))
  return { files: byText.length > 0 ? byText : files, name: RegExp.escape(pattern) }
}

function writeFile({ file, outcomes, problems, output, seconds }: FileResult, write: (line: string) => void): void {
  const failed = outcomes.filter(({ result }) => result === 'failed')
  const bad = failed.length + problems.length > 0
  const counts = (['passed', 'failed', 'skipped'] as const)
    .map((result) => [outcomes.filter((outcome) => outcome.result === result).length, result] as const)
    .filter(([count]) => count > 0)
    .map(([count, result]) => `${count} ${result}`)
  write(`${bad ? 'FAILED' : 'ok'}  ${file}  ${[...counts, `${seconds.toFixed(1)} s`].join(', ')}`)
  for (const problem of problems) write(indent(problem))
  for (const { name, at, why } of failed) write(`${indent(`${name}  (${at})`)}\n${indent(indent(why))}`)
  if (bad && output.trim()) write(`${indent('what it printed:')}\n${indent(indent(output.trimEnd()))}`)
}

function writeTotals(results: FileResult[], write: (line: string) => void): Totals {
  const all = results.flatMap(({ file, outcomes }) => outcomes.map((outcome) => ({ ...outcome, file })))
  const of = (result: Outcome['result']) => all.filter((outcome) => outcome.result === result)
  const broken = results.flatMap(({ file, problems }) => problems.map((problem) => `${file}: ${problem}`))
  for (const { file, name, why } of of('skipped')) write(`skipped: ${file} > ${name}: ${why}`)
  for (const { file, name } of of('failed')) write(`failed: ${file} > ${name}`)
  for (const problem of broken) write(`failed: ${problem}`)
  const totals = {
    passed: of('passed').length,
    failed: of('failed').length + broken.length,
    skipped: of('skipped').length,
  }
  if (totals.passed + totals.failed === 0) write('no test ran')
  write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}

/** The acceptance checks alone, as a table. */
async function runSeed(run: TestRun): Promise<Totals> {
  const outcomes: Outcome[] = []
  await runTests({ ...run, pattern: 'seed-8.5', ended: (outcome) => outcomes.push(outcome) })
  const { lines, ...totals } = seedTable(outcomes)
  for (const line of lines) run.write(line)
  run.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  return totals
}

async function main(pattern: string | undefined): Promise<number> {
  const stop = new AbortController()
  const write = (line: string) => process.stdout.write(`${line}\n`)
  await ensureDebianPackages(['run', 'test'])
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort())
  const root = resolve(import.meta.dirname, '../..')
  const run = { root, signal: stop.signal, write }
  const { passed, failed } = await (pattern === 'seed' ? runSeed(run) : runTests({ ...run, pattern }))
  if (stop.signal.aborted) return 130
  return failed > 0 || passed === 0 ? 1 : 0
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv[2])
  } catch (error) {
    process.stderr.write(`${errorChain(error)}\n`)
    process.exitCode = 1
  }
}
