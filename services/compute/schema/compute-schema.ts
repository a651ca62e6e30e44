// Compute's schema steps, oldest first.
import type { ServiceSchema } from '@kilonova/store/schema'
import { firstTables } from './0001-compute.ts'
import { keypairNumbers } from './0002-keypair-numbers.ts'
import { aggregatesAndGroups } from './0003-aggregates-and-groups.ts'
import { events } from './0004-events.ts'
import { consoleAuthTokens } from './0005-console-auth-tokens.ts'
import { shutdownTerminate } from './0006-shutdown-terminate.ts'
import { shelvedServers } from './0007-shelved-servers.ts'
import { rescueAndRebuild } from './0008-rescue-and-rebuild.ts'
import { migrations } from './0009-migrations.ts'
import { serverUsage } from './0011-server-usage.ts'
import { blockDeviceMapping } from './0012-block-device-mapping.ts'
import { quotaClasses } from './0013-quota-classes.ts'
import { hostChanges } from './0014-host-changes.ts'

export const computeSchema: ServiceSchema = {
  service: 'compute',
  steps: [
    firstTables,
    keypairNumbers,
    aggregatesAndGroups,
    events,
    consoleAuthTokens,
    shutdownTerminate,
    shelvedServers,
    rescueAndRebuild,
    migrations,
    serverUsage,
    blockDeviceMapping,
    quotaClasses,
    hostChanges,
  ],
}
