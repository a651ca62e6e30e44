// Finds and ends the processes that belong to one test file, also those that left its process group.
import { readdir, readFile } from 'node:fs/promises'
import { systemClock } from '@kilonova/base/clock'

export interface Leftover {
  pid: number
  command: string
}

/** Processes whose environment or arguments name `directory`, which only one test file was given. */
export async function processesOf(directory: string): Promise<Leftover[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await read(`/proc/${pid}/cmdline`)
      const marked = command.includes(directory) || (await read(`/proc/${pid}/environ`)).includes(directory)
      return marked ? [{ pid: Number(pid), command: command.replaceAll('\0', ' ').trim() }] : []
    }),
  )
  return found.flat()
}

/** Waits until `directory` has no process left, at most `ms`; returns those that remain. */
export async function awaitEnd(directory: string, ms: number): Promise<Leftover[]> {
  const until = systemClock.monotonic() + ms
  for (;;) {
    const left = await processesOf(directory)
    if (left.length === 0 || systemClock.monotonic() >= until) return left
    await systemClock.sleep(100)
  }
}

/** Asks the processes of `directory` to end, then kills those that stay, children made meanwhile included. */
export async function endAll(directory: string, graceMs = 3_000): Promise<void> {
  for (const { pid } of await processesOf(directory)) signal(pid, 'SIGTERM')
  let left = await awaitEnd(directory, graceMs)
  for (let round = 0; left.length > 0 && round < 10; round++) {
    for (const { pid } of left) signal(pid, 'SIGKILL')
    left = await awaitEnd(directory, 500)
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Empty for a process that is gone or belongs to somebody else. */
async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1')
  } catch {
    return ''
  }
}
