// Whether a host that starts is the one that the records mean: its node's uuid and its name belong together.
import { isFault } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { fault } from '../faults.ts'
import { isHostUp } from './liveness.ts'
import { releaseStaleClaims } from './stale-claims.ts'
import { hasServers } from './store.ts'

export interface NodeOfHost {
  host: string
  /** The compute node's uuid. */
  node: string
}

/**
 * Throws NodeRefused for a host that comes with another node than its servers live on, for a node that comes under
 * another name than its servers', and while another host that reports has the name or the node. A host without servers
 * may change its node: the former one goes, and what it had claimed with it.
 */
export async function admitNode(compute: Compute, asked: NodeOfHost): Promise<void> {
  const known = await tables(compute)
    .selectFrom('compute_nodes')
    .select(['id', 'host'])
    .where((eb) => eb.or([eb('host', '=', asked.host), eb('id', '=', asked.node)]))
    .execute()
  for (const { id, host } of known) {
    if (id === asked.node && host !== asked.host) await refuseIfBusy(compute, asked, host, `that node is host ${host}`)
    if (id !== asked.node) {
      await refuseIfBusy(compute, asked, host, `host ${host} is node ${id}`)
      await forgetNode(compute, asked, id)
    }
  }
}

async function refuseIfBusy(compute: Compute, asked: NodeOfHost, host: string, so: string): Promise<void> {
  if (await hasServers(compute, host)) throw fault('NodeRefused', { ...asked, why: `${so}, and it has servers` })
  if (await isHostUp(compute, host)) throw fault('NodeRefused', { ...asked, why: `${so}, which reports at present` })
}

async function forgetNode(compute: Compute, asked: NodeOfHost, former: string): Promise<void> {
  await releaseStaleClaims(compute, former)
  try {
    await compute.placement.deleteProvider(former)
  } catch (error) {
    if (isFault(error, 'ResourceProviderInUse')) {
      const why = `resources of its former node ${former} are still claimed`
      throw fault('NodeRefused', { ...asked, why }, error)
    }
    if (!isFault(error, 'ResourceProviderNotFound')) throw error
  }
  await tables(compute).deleteFrom('compute_nodes').where('id', '=', former).execute()
  const of = { host: asked.host, node: asked.node, former }
  log('compute.services').warn(of, `the host comes with a new node ${asked.node}; its former one is forgotten`)
}
