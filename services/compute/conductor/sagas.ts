// The tasks that the conductor runs.
import type { AnySaga } from '@kilonova/tasks/saga'
import { buildServer } from './build-server.ts'
import { cacheImages } from './cache-images.ts'
import type { Conductor } from './conductor.ts'
import { deleteServer } from './delete-server.ts'
import { pauseServer, unpauseServer } from './pause-server.ts'
import { hardRebootServer, rebootServer, startServer, stopServer } from './power-server.ts'
import { resumeServer, suspendServer } from './suspend-server.ts'

export const conductorSagas: readonly AnySaga<Conductor>[] = [
  buildServer,
  deleteServer,
  startServer,
  stopServer,
  rebootServer,
  hardRebootServer,
  pauseServer,
  unpauseServer,
  suspendServer,
  resumeServer,
  cacheImages,
]
