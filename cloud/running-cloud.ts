// What a running cloud writes about itself, and how others find out whether it really runs.
import { readFile, rm } from 'node:fs/promises'
import { writeAtomically } from '@kilonova/base/atomic-file'
import type { StateDirectory } from './state-directory.ts'
import { readIfThere } from './state-directory.ts'

export const VERSION = '0.1.0'

export interface RunningCloud {
  pid: number
  /** When that process began, in the kernel's ticks: a pid alone may be somebody else's by now. */
  ticks: string
  url: string
  version: string
  roles: string[]
  driver: 'libvirt' | 'fake'
  /** Milliseconds since 1970. */
  since: number
  /** Seconds that it gives what is under way before it ends: graceful_shutdown_timeout. */
  drains: number
}

/** The start time of a process; undefined when there is none of that id, or only what its parent has yet to collect. */
async function ticksOf(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`).catch(() => undefined)
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') // the name before them may hold blanks
  const [STATE, STARTTIME] = [0, 19]
  return fields?.[STATE] === 'Z' ? undefined : fields?.[STARTTIME]
}

/** Announces this process. */
export async function announce(
  state: StateDirectory,
  cloud: Omit<RunningCloud, 'pid' | 'ticks' | 'version'>,
): Promise<void> {
  const running = { ...cloud, pid: process.pid, ticks: (await ticksOf(process.pid))!, version: VERSION }
  await writeAtomically(state.runFile, `${JSON.stringify(running, null, 2)}\n`)
}

export async function withdraw(state: StateDirectory): Promise<void> {
  await rm(state.runFile, { force: true })
}

/** The cloud that runs on this state directory, if its process lives. */
export async function findRunning(state: StateDirectory): Promise<RunningCloud | undefined> {
  const text = await readIfThere(state.runFile)
  if (text === undefined) return undefined
  const running = JSON.parse(text) as RunningCloud
  return (await ticksOf(running.pid)) === running.ticks ? running : undefined
}

/** Resident memory of a process in bytes. */
export async function residentMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}
