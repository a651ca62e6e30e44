// Where a new server may go: `zone`, or for admins `zone:host` and `zone:host:node`.
import type { Call } from '@kilonova/api/route'
import { availableZones } from '../availability-zones/store.ts'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import type { NewServer } from './schema.ts'

export interface Zone {
  name: string
  /** The request named it, so later moves stay in it. */
  pinned: boolean
  /** The host that is forced, skipping the filters. */
  host: string | null
}

export async function zoneOf(compute: Compute, call: Pick<Call, 'require'>, asked: NewServer): Promise<Zone> {
  const [name = '', ...forced] = (asked.availability_zone ?? '').split(':')
  if (forced.length > 2)
    throw fault('BadRequest', {
      message: `Unable to parse availability_zone '${asked.availability_zone}': at most zone:host:node.`,
    })
  const host = asked.host ?? asked.hypervisor_hostname ?? (forced.find((part) => part !== '') || null)
  if (forced.length > 0) call.require('servers:create:forced_host')
  if (asked.host ?? asked.hypervisor_hostname) call.require('compute:servers:create:requested_destination')
  if (name !== '' && !(await availableZones(compute)).includes(name)) throw fault('AvailabilityZoneUnknown', {})
  if (host !== null) await refuseUnknownHost(compute, host)
  return { name: name || compute.options.default_availability_zone, pinned: name !== '', host }
}

async function refuseUnknownHost(compute: Compute, host: string): Promise<void> {
  const node = await tables(compute)
    .selectFrom('compute_nodes')
    .select('id')
    .where((eb) => eb.or([eb('host', '=', host), eb('hypervisor_hostname', '=', host)]))
    .executeTakeFirst()
  if (!node) throw fault('BadRequest', { message: `Compute host ${host} could not be found.` })
}
