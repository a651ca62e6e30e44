// Runs one test file in its own process group and temporary directory, within a time limit, and leaves nothing behind
// but what KILONOVA_TEST_CACHE names: what takes long to make and never changes, such as the guest image.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@kilonova/base/clock'
import type { Outcome } from './outcomes.ts'
import { awaitEnd, endAll } from './processes.ts'

export interface TestFile {
  /** The project's directory: the working directory of the tests. */
  root: string
  /** Relative to `root`. */
  file: string
  /** Only tests whose full name matches; all when absent. */
  name?: string
  limitMs: number
  signal: AbortSignal
}

export interface FileResult {
  file: string
  outcomes: Outcome[]
  /** What is wrong with the file as a whole: crash, time limit, processes left behind. */
  problems: string[]
  /** What it printed, at most the last 100,000 characters. */
  output: string
  seconds: number
}

const REPORTER = fileURLToPath(import.meta.resolve('./outcomes.ts'))
const OUTPUT_KEPT = 100_000

export async function runTestFile(test: TestFile): Promise<FileResult> {
  const started = systemClock.monotonic()
  const directory = await mkdtemp(join(tmpdir(), 'k-'))
  await chmod(directory, 0o1777) // it stands in for /tmp, also for daemons that change their user
  const report = join(directory, 'outcomes')
  try {
    const { problems, output, code } = await runProcess(test, directory, report)
    const outcomes = await readOutcomes(report, test.root)
    if (code !== 0 && problems.length === 0 && !outcomes.some(({ result }) => result === 'failed')) {
      problems.push(`ended with ${typeof code === 'number' ? `code ${code}` : code} although no test failed`)
    }
    if (outcomes.length === 0 && problems.length === 0 && !test.name) problems.push('holds no test')
    return { file: test.file, outcomes, problems, output, seconds: (systemClock.monotonic() - started) / 1000 }
  } finally {
    await endAll(directory)
    await removeDirectory(directory)
  }
}

interface Ended {
  problems: string[]
  output: string
  code: number | string
}

async function runProcess(test: TestFile, directory: string, report: string): Promise<Ended> {
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const args = ['--disable-warning=ExperimentalWarning', `--test-reporter=${REPORTER}`]
  args.push(`--test-reporter-destination=${report}`)
  if (test.name) args.push(`--test-name-pattern=${test.name}`)
  const child = spawn(process.execPath, [...args, test.file], {
    cwd: test.root,
    env: { KILONOVA_TEST_CACHE: join(tmpdir(), 'kilonova-test-cache'), ...inherited, TMPDIR: directory },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const keep = (text: string) => {
    output = (output + text).slice(-OUTPUT_KEPT)
  }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  const closed = once(child, 'close')

  const problems: string[] = []
  const stop = (why: string) => {
    problems.push(why)
    void endAll(directory)
  }
  const limit = systemClock.after(test.limitMs, () => stop(`ran longer than ${test.limitMs / 1000} s and was ended`))
  const interrupted = () => stop('was interrupted')
  test.signal.addEventListener('abort', interrupted, { once: true })
  const [code, killedBy] = await once(child, 'exit')
  limit.cancel()
  test.signal.removeEventListener('abort', interrupted)

  for (const { pid, command } of await awaitEnd(directory, 2_000)) {
    if (problems.length === 0) problems.push(`left a process behind: ${pid} ${command}`)
  }
  await endAll(directory)
  killGroup(child.pid)
  // A process that hid from all this may still hold the pipes.
  await Promise.race([closed, systemClock.sleep(5_000)])
  child.stdout.destroy()
  child.stderr.destroy()
  return { problems, output, code: code ?? killedBy }
}

function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function readOutcomes(report: string, root: string): Promise<Outcome[]> {
  const text = await readFile(report, 'utf8').catch(() => '')
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Outcome)
    .map((outcome) => ({ ...outcome, at: outcome.at.replace(`${root}/`, '') }))
}

/** Keeps a directory that something is still mounted under: removing it would empty what is mounted. */
async function removeDirectory(directory: string): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  if (!mounts.includes(` ${directory}/`)) await rm(directory, { recursive: true, force: true })
}
