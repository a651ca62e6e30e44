// Debian's `openstack` client, kept running: it reads one command after another, so that only its start is slow.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { environmentOf } from '@kilonova/cloud/credential-files'
import type { RealCloud } from '../real/real-cloud.ts'

const MARK = '@@end of command'
const LIMIT_MS = 180_000

/** What the client said about a command on its two outputs. */
interface Said {
  stdout: string
  stderr: string
}

export class OpenStackSession {
  readonly #child: ChildProcess
  readonly #mark: string
  readonly #said: Said = { stdout: '', stderr: '' }
  #number = 0
  #heard: () => void = () => undefined

  private constructor(child: ChildProcess, mark: string) {
    this.#child = child
    this.#mark = mark
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]!.setEncoding('utf8').on('data', (text: string) => {
        this.#said[name] += text
        this.#heard()
      })
    }
    child.on('exit', () => this.#heard())
  }

  /** With the environment that `./kilonova openrc` prints, and what is given besides. */
  static async start(
    cloud: RealCloud,
    user: 'admin' | 'demo',
    more: Record<string, string> = {},
  ): Promise<OpenStackSession> {
    const { stdout } = await cloud.command('openrc', user)
    const lines = [...stdout.matchAll(/^export (OS_\w+)='(.*)'$/gm)]
    const environment = Object.fromEntries(lines.map(([, name, value]) => [name!, value!]))
    const expected = Object.keys(environmentOf(user, '', cloud.url))
    const missing = expected.filter((name) => environment[name] === undefined)
    if (missing.length > 0) throw new Error(`openrc does not set ${missing.join(', ')}: ${stdout}`)
    const mark = join(cloud.state.path, `mark-${user}`)
    await writeFile(mark, 'echo "$1"\necho "$1" >&2\n')
    const child = spawn('openstack', [], {
      env: { ...process.env, ...environment, ...more, PYTHONUNBUFFERED: '1', HOME: cloud.state.path },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return new OpenStackSession(child, mark)
  }

  /** Runs a command; throws what the client says on stderr when it says that something failed. */
  async run(command: string): Promise<string> {
    const { stdout, stderr } = await this.say(command)
    if (stderr.trim() !== '') throw new Error(`openstack ${command}: ${stderr.trim()}`)
    return stdout
  }

  /** The JSON that a command prints with `-f json`. */
  async json<T = Record<string, unknown>>(command: string): Promise<T> {
    const text = await this.run(`${command} -f json`)
    const start = text.search(/^[[{]/m) // before it: what --wait shows of its progress
    return JSON.parse(text.slice(Math.max(0, start))) as T
  }

  /** What the client says on stderr of a command that fails. */
  async refusal(command: string): Promise<string> {
    const { stdout, stderr } = await this.say(command)
    if (stderr.trim() === '') throw new Error(`openstack ${command} did not fail: ${stdout}`)
    return stderr.trim()
  }

  async say(command: string): Promise<Said> {
    const end = `${MARK} ${++this.#number}\n`
    this.#child.stdin!.write(`${command}\n!sh ${this.#mark} '${end.trim()}'\n`)
    const late = systemClock.monotonic() + LIMIT_MS
    while (!this.#said.stdout.includes(end) || !this.#said.stderr.includes(end)) {
      if (this.#child.exitCode !== null) throw new Error(`the openstack client ended: ${this.#said.stderr}`)
      const left = late - systemClock.monotonic()
      if (left <= 0) throw new Error(`openstack ${command} did not end within ${LIMIT_MS / 1000} s`)
      await this.#more(left)
    }
    return { stdout: this.#take('stdout', end), stderr: this.#take('stderr', end) }
  }

  /** Resolves at the next word of the client, or when the time is up. */
  #more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = systemClock.after(ms, resolve)
      this.#heard = () => {
        limit.cancel()
        resolve()
      }
    })
  }

  #take(name: keyof Said, end: string): string {
    const [before, ...after] = this.#said[name].split(end)
    this.#said[name] = after.join(end)
    return before!
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.stdin!.end()
    const limit = systemClock.after(5_000, () => this.#child.kill('SIGKILL'))
    await ended
    limit.cancel()
  }
}
