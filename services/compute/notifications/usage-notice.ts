// compute.instance.exists: that a server was there in an audit period, told before what it is changes.
import { adminContext, currentContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { currentPeriod } from './audit-period.ts'
import { novaObject } from './nova-object.ts'
import type { Publisher } from './outbox.ts'
import { tell } from './outbox.ts'
import type { ServerFacts } from './server-facts.ts'
import { auditPeriodPayload, serverData } from './server-payload.ts'
import { unversionedPeriod, unversionedServer } from './unversioned-server.ts'

/** For the period that goes on. Inside the transaction of what it is told with. */
export async function tellOfUsage(compute: Compute, publisher: Publisher, facts: ServerFacts): Promise<void> {
  const period = currentPeriod(compute.options.instance_usage_audit_period, compute.clock.now())
  const data = { ...serverData(facts, currentContext() ?? adminContext()), audit_period: auditPeriodPayload(period) }
  await tell(compute, {
    publisher,
    unversioned: {
      eventType: 'compute.instance.exists',
      payload: { ...unversionedServer(facts), ...unversionedPeriod(period), bandwidth: {} },
    },
    versioned: { eventType: 'instance.exists', payload: novaObject('InstanceExistsPayload', '2.1', data) },
  })
}
