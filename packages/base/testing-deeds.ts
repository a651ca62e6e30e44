// For tests: whatever this process is about to do to the world outside can be counted, and be its last deed.
import childProcess, { type ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { PassThrough } from 'node:stream'
import type { CommandStart } from './command.ts'

/**
 * What becomes of a deed: it is done; the process is killed before it, or when its program has just begun; or it never
 * comes back and is not done, as if the one who asked for it had died while the rest of the process lives.
 */
export type Fate = 'done' | 'killed-before' | 'killed-after-begun' | 'never'

/** Decides over a deed, given as one line: a program with its arguments, or a call of node:fs with its paths. */
export type Judge = (deed: string) => Fate

const CALLS = ['appendFile', 'chmod', 'copyFile', 'link', 'mkdir', 'rename', 'rm', 'rmdir', 'symlink'] as const
const MORE_CALLS = ['truncate', 'unlink', 'writeFile'] as const
const HANDLE_CALLS = ['appendFile', 'truncate', 'write', 'writeFile'] as const

type Call = (this: unknown, ...args: unknown[]) => unknown

let judge: Judge | undefined

/**
 * From now on every deed is judged; undefined: all are done. What only reads is no deed where that can be seen. To be
 * called for the first time before the first program is run.
 */
export async function judgeDeeds(by: Judge | undefined): Promise<void> {
  if (judge === undefined && by !== undefined) await watch()
  judge = by
}

/** After the last program: this process does not wait for those that never come back. */
export function letGo(): void {
  for (const { channel } of starters) channel?.unref()
}

export function die(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('this process is dead')
}

let isWatching = false
/** The processes that start programs. */
const starters: ChildProcess[] = []
/** Files that nobody will close are not to be closed by the garbage collector either: it complains. */
const abandoned: unknown[] = []

async function watch(): Promise<void> {
  if (isWatching) return
  isWatching = true
  const calls = files as unknown as Record<string, Call>
  for (const name of [...CALLS, ...MORE_CALLS]) calls[name] = judged(calls[name]!, (args) => `${name} ${paths(args)}`)
  const handle = await files.open('/dev/null')
  const handles = Object.getPrototypeOf(handle) as Record<string, Call>
  await handle.close()
  for (const name of HANDLE_CALLS) handles[name] = judged(handles[name]!, () => name)
  const open = calls['open']!
  const create = judged(open, (args) => `open ${paths(args)}`)
  calls['open'] = (...args) => (isReading(args[1]) ? open : create)(...args)
  const { spawn, fork } = childProcess as unknown as Record<'spawn' | 'fork', Call>
  Object.assign(childProcess, { spawn: judgedSpawn(spawn), fork: judgedFork(fork) })
  syncBuiltinESMExports()
}

const paths = (args: unknown[]): string => args.filter((arg) => typeof arg === 'string').join(' ')

/** Flags are text, or numbers whose lowest bits say that they write. */
const isReading = (flags: unknown): boolean =>
  flags === undefined || flags === 'r' || (typeof flags === 'number' && (flags & 3) === 0)

function judged(call: Call, named: (args: unknown[]) => string): Call {
  return function (this: unknown, ...args) {
    const fate = judge?.(named(args)) ?? 'done'
    if (fate === 'killed-before') die()
    if (fate === 'never') {
      abandoned.push(this)
      return new Promise(() => undefined)
    }
    const result = call.apply(this, args)
    if (fate === 'killed-after-begun') die()
    return result
  }
}

function judgedSpawn(spawn: Call): Call {
  return (...args) => {
    const [file, rest] = args as [string, readonly string[]]
    const fate = judge?.([file, ...rest].join(' ')) ?? 'done'
    if (fate === 'killed-before') die()
    if (fate === 'never') return silentChild()
    const child = spawn(...args)
    if (fate === 'killed-after-begun') die()
    return child
  }
}

/** Programs are started by a process that is told of them. */
function judgedFork(fork: Call): Call {
  return (...args) => {
    const child = fork(...args) as ChildProcess
    starters.push(child)
    const send = child.send as Call
    Object.assign(child, { send: judged(send, ([order]) => programIn(order as Partial<CommandStart>)) })
    return child
  }
}

const programIn = ({ file, args = [] }: Partial<CommandStart>): string => [file ?? 'a message', ...args].join(' ')

/** One that never says anything, nor ends. */
function silentChild(): object {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  return Object.assign(new EventEmitter(), streams, { kill: () => true })
}
