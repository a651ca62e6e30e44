// `openrc`: the environment that makes `openstack` work.
import type { UserName } from '../credential-files.ts'
import { environmentOf } from '../credential-files.ts'
import { fault } from '../faults.ts'
import { findRunning } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'

export async function openrc(user: string, { stateDir }: { stateDir: string }): Promise<void> {
  if (user !== 'admin' && user !== 'demo')
    throw fault('ConfigUnusable', { why: `There is no user ${user}; openrc knows admin and demo.` })
  const state = new StateDirectory(stateDir)
  const running = await findRunning(state)
  if (!running) throw fault('NotRunning', { path: state.path })
  const credentials = await state.credentials()
  const lines = Object.entries(environmentOf(user as UserName, credentials[user], running.url))
  process.stdout.write(lines.map(([name, value]) => `export ${name}=${quoted(value)}\n`).join(''))
}

/** As a shell reads it back whole. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`
}
