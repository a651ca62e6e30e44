// The tasks that the conductor runs.
import type { AnySaga } from '@kilonova/tasks/saga'
import type { ActivePlugin } from '../plugin.ts'
import { buildServer } from './build-server.ts'
import { cacheImages } from './cache-images.ts'
import type { Conductor } from './conductor.ts'
import { confirmResize } from './confirm-resize.ts'
import { deleteServer } from './delete-server.ts'
import { discardImage } from './discard-image.ts'
import { evacuateServer } from './evacuate-server.ts'
import { hooked } from './hooked.ts'
import { changePassword, triggerCrashDump } from './inside-guest.ts'
import { attachInterface, detachInterface } from './interfaces.ts'
import { pauseServer, unpauseServer } from './pause-server.ts'
import { hardRebootServer, rebootServer, startServer, stopServer } from './power-server.ts'
import { rebuildServer } from './rebuild-server.ts'
import { rescueServer, unrescueServer } from './rescue-server.ts'
import { resetState } from './reset-state.ts'
import { migrateServer, resizeServer } from './resize-server.ts'
import { resumeState } from './resume-state.ts'
import { revertResize } from './revert-resize.ts'
import { offloadServer, shelveServer } from './shelve-server.ts'
import { backupServer, snapshotServer } from './snapshot-server.ts'
import { restoreServer, softDeleteServer } from './soft-delete-server.ts'
import { resumeServer, suspendServer } from './suspend-server.ts'
import { unshelveInPlace, unshelveServer } from './unshelve-server.ts'

export const conductorSagas: readonly AnySaga<Conductor>[] = [
  buildServer,
  deleteServer,
  softDeleteServer,
  restoreServer,
  startServer,
  stopServer,
  rebootServer,
  hardRebootServer,
  pauseServer,
  unpauseServer,
  suspendServer,
  resumeServer,
  attachInterface,
  detachInterface,
  rescueServer,
  unrescueServer,
  rebuildServer,
  changePassword,
  triggerCrashDump,
  resumeState,
  resetState,
  snapshotServer,
  backupServer,
  shelveServer,
  offloadServer,
  unshelveServer,
  unshelveInPlace,
  discardImage,
  resizeServer,
  migrateServer,
  evacuateServer,
  confirmResize,
  revertResize,
  cacheImages,
]

/** With the plug-ins' tasks and hooks. */
export function sagasWith(plugins: readonly ActivePlugin[]): readonly AnySaga<Conductor>[] {
  const all = [...conductorSagas, ...plugins.flatMap(({ tasks = [] }) => tasks)]
  return hooked(
    all,
    plugins.flatMap(({ hooks = [] }) => hooks),
  )
}
