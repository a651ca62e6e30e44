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
  target: Target
}

/** One of the two, or neither. */
interface Target {
  /** The host that is forced, skipping the filters. */
  forcedHost: string | null
  /** The only host that may be taken, if the filters let it pass. */
  destination: string | null
}

export async function zoneOf(compute: Compute, call: Pick<Call, 'require'>, asked: NewServer): Promise<Zone> {
  const [name = '', ...forced] = (asked.availability_zone ?? compute.options.default_schedule_zone).split(':')
  const target = await targetOf(compute, call, { ...asked, forced })
  if (name !== '' && !(await availableZones(compute)).includes(name)) throw fault('AvailabilityZoneUnknown', {})
  return { name: name || compute.options.default_availability_zone, pinned: name !== '', target }
}

async function targetOf(
  compute: Compute,
  call: Pick<Call, 'require'>,
  { host, hypervisor_hostname: node, availability_zone: zone, forced }: NewServer & { forced: string[] },
): Promise<Target> {
  const named = host !== undefined || node !== undefined
  if (forced.length > 2) {
    throw fault('BadRequest', { message: `Unable to parse availability_zone '${zone}': at most zone:host:node.` })
  }
  if (forced.length > 0) call.require('servers:create:forced_host')
  if (named) call.require('compute:servers:create:requested_destination')
  if (named && forced.length > 0) {
    throw fault('BadRequest', {
      message:
        'One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node are mutually exclusive.',
    })
  }
  const [forcedHost = '', forcedNode = ''] = forced
  return {
    forcedHost: forcedHost || forcedNode ? await hostNamed(compute, forcedHost, forcedNode) : null,
    destination: named ? await hostNamed(compute, host ?? '', node ?? '') : null,
  }
}

/** Throws unless there is a host of that name, with a node of that name; either may be empty. */
async function hostNamed(compute: Compute, host: string, node: string): Promise<string> {
  let query = tables(compute).selectFrom('compute_nodes').select('host')
  if (host !== '') query = query.where('host', '=', host)
  if (node !== '') query = query.where('hypervisor_hostname', '=', node)
  const found = await query.executeTakeFirst()
  if (!found) throw fault('BadRequest', { message: `Compute host ${node || host} could not be found.` })
  return found.host
}
