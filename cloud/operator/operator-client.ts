// The operator's API as our own commands reach it: at the cloud that runs on a state directory, as its admin.
import { ApiClient } from '../api-client.ts'
import { fault } from '../faults.ts'
import { findRunning } from '../running-cloud.ts'
import type { Credentials, StateDirectory } from '../state-directory.ts'

/** Throws NotRunning, RootNeeded. */
export async function operatorClient(state: StateDirectory): Promise<ApiClient> {
  const running = await findRunning(state)
  if (!running) throw fault('NotRunning', { path: state.path })
  const { admin: password } = await credentialsOf(state)
  return ApiClient.logIn(running.url, { name: 'admin', password, project: 'admin' })
}

async function credentialsOf(state: StateDirectory): Promise<Credentials> {
  try {
    return await state.credentials()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    throw fault('RootNeeded', { why: `the admin's password lies in ${state.path}` }, error)
  }
}
