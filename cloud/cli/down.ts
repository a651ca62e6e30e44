// `down`: ends the cloud's process; its guests go on.
import { systemClock } from '@kilonova/base/clock'
import { fault } from '../faults.ts'
import { findRunning } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'

/** To close in, once what is under way has ended or has had its time. */
const CLOSING_SECONDS = 60

/** Ends the cloud of that directory and waits for its end. False when none runs. */
export async function stopCloud(state: StateDirectory): Promise<boolean> {
  const running = await findRunning(state)
  if (!running) return false
  process.kill(running.pid, 'SIGTERM')
  const seconds = running.drains + CLOSING_SECONDS
  const end = systemClock.monotonic() + seconds * 1000
  while (await stillThere(state, running.pid)) {
    if (systemClock.monotonic() > end) throw fault('DidNotStop', { pid: running.pid, seconds })
    await systemClock.sleep(50)
  }
  return true
}

/** It withdraws its announcement first and closes afterwards: only the lock says that it has ended. */
async function stillThere(state: StateDirectory, pid: number): Promise<boolean> {
  if ((await findRunning(state))?.pid === pid) return true
  try {
    state.lock().release()
    return false
  } catch {
    return true
  }
}

export async function down({ stateDir }: { stateDir: string }): Promise<void> {
  const state = new StateDirectory(stateDir)
  const stopped = await stopCloud(state)
  process.stdout.write(stopped ? 'Stopped. Guests go on running.\n' : 'No cloud was running.\n')
}
