// Child processes: argument arrays, never a shell; bounded in time; their error text kept.
import { spawn } from 'node:child_process'

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
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
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
export function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { input, timeout = 60_000, signal, env, cwd, accept = [0] } = options
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env,
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
      signal,
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.stdin.on('error', () => undefined) // a child that does not read its input says so by its exit code
    child.on('error', (error) => {
      const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not installed' : 'could not run'
      reject(new CommandFailed(file, args, why, null, Buffer.concat(err).toString(), error))
    })
    child.on('close', (code, killedBy) => {
      const stdout = Buffer.concat(out).toString()
      const stderr = Buffer.concat(err).toString()
      if (code !== null && accept.includes(code)) return resolve({ code, stdout, stderr })
      const why = code === null ? `was ended by ${killedBy} (time limit ${timeout} ms)` : `ended with code ${code}`
      reject(new CommandFailed(file, args, why, code, stderr))
    })
    child.stdin.end(input)
  })
}
