// Programs: argument arrays, never a shell; bounded in time; their error text kept.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

export interface CommandOptions {
  /** Text or bytes for its standard input. */
  input?: string | Uint8Array
  /** Milliseconds after which it is killed. Default 60,000. */
  timeout?: number
  signal?: AbortSignal
  env?: NodeJS.ProcessEnv
  cwd?: string
  /** Exit codes that count as success. Default [0]. */
  accept?: number[]
  /**
   * It is killed when this process dies: for what goes on writing where the next process clears or hands on. Others
   * go on to their end.
   */
  endsWithUs?: boolean
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

/** Told to the process that starts programs. */
export interface CommandStart {
  id: number
  file: string
  args: readonly string[]
  input: string | Uint8Array | undefined
  timeout: number
  env: NodeJS.ProcessEnv
  cwd: string
  endsWithUs: boolean
}

export type CommandOrder = CommandStart | { stop: number }

/** Told by it, of each program once. */
export type CommandEnd = { id: number; stdout: string; stderr: string } & (
  | { code: number | null; killedBy: string | null }
  | { failure: Failure }
)

/** It could not run; `errno` such as `ENOENT` where the system said so. */
export interface Failure {
  message: string
  errno?: string | undefined
}

/** A command that could not start, was killed, or ended with an unexpected code. */
export class CommandFailed extends Error {
  readonly file: string
  readonly args: readonly string[]
  readonly code: number | null
  readonly stderr: string

  constructor(
    file: string,
    args: readonly string[],
    why: string,
    code: number | null,
    stderr: string,
    cause?: unknown,
  ) {
    const said = stderr.trim().slice(-2000)
    super(`${file} ${args.join(' ')} ${why}${said ? `: ${said}` : ''}`, { cause })
    this.name = 'CommandFailed'
    this.file = file
    this.args = args
    this.code = code
    this.stderr = stderr
  }
}

/** Runs a program to its end. Throws CommandFailed. */
export async function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { input, timeout = 60_000, signal, env = process.env, cwd = process.cwd(), accept = [0] } = options
  const { endsWithUs = false } = options
  const failed = (why: string, code: number | null, stderr: string, cause?: unknown) =>
    new CommandFailed(file, args, why, code, stderr, cause)
  if (signal?.aborted) throw failed('could not run', null, '', signal.reason)
  const end = await starter.run({ file, args, input, timeout, env: { ...env }, cwd, endsWithUs }, signal)
  const { stdout, stderr } = end
  if ('failure' in end) {
    const { message, errno } = end.failure
    const cause = Object.assign(new Error(message), errno === undefined ? {} : { code: errno })
    throw failed(errno === 'ENOENT' ? 'is not installed' : 'could not run', null, stderr, signal?.reason ?? cause)
  }
  const { code, killedBy } = end
  if (code !== null && accept.includes(code)) return { code, stdout, stderr }
  const why = code === null ? `was ended by ${killedBy} (time limit ${timeout} ms)` : `ended with code ${code}`
  throw failed(why, code, stderr)
}

/** Has a small process start the programs: it is there from the first one on, and anew when it was lost. */
class Starter {
  #process: ChildProcess | undefined
  #last = 0
  readonly #waiting = new Map<number, (end: CommandEnd) => void>()

  async run(wish: Omit<CommandStart, 'id'>, signal: AbortSignal | undefined): Promise<CommandEnd> {
    this.#process ??= this.#start()
    const [starting, id] = [this.#process, ++this.#last]
    const tell = (order: CommandOrder) => starting.send(order, (error) => error && this.#lost(starting, error.message))
    const stop = () => tell({ stop: id })
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await new Promise((resolve) => {
        this.#waiting.set(id, resolve)
        starting.channel?.ref() // this process goes on as long as one is awaited
        tell({ id, ...wish })
      })
    } finally {
      signal?.removeEventListener('abort', stop)
      if (this.#waiting.size === 0) starting.channel?.unref()
    }
  }

  #start(): ChildProcess {
    const starting = fork(join(import.meta.dirname, 'command-starter.mjs'), {
      cwd: '/',
      env: { ...process.env, NODE_OPTIONS: '' },
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    starting.unref()
    starting.on('message', (end: CommandEnd) => this.#end(end))
    starting.on('error', (error) => this.#lost(starting, error.message))
    starting.on('disconnect', () => this.#lost(starting, 'the process that starts programs is gone'))
    return starting
  }

  #end(end: CommandEnd): void {
    this.#waiting.get(end.id)?.(end)
    this.#waiting.delete(end.id)
  }

  /** Nobody knows how far its programs came. */
  #lost(starting: ChildProcess, message: string): void {
    if (this.#process !== starting) return
    this.#process = undefined
    for (const id of [...this.#waiting.keys()]) this.#end({ id, failure: { message }, stdout: '', stderr: '' })
  }
}

const starter = new Starter()
