// What runs, in numbers.
import { adminContext } from '@kilonova/base/context'
import type { HostOverview } from '@kilonova/compute/explain/overview'
import { hostOverviews, serverCounts } from '@kilonova/compute/explain/overview'
import type { Parts } from '../parts.ts'
import { VERSION } from '../running-cloud.ts'
import type { KeptAudit } from './audit/audits.ts'
import type { Operator } from './operator.ts'

export interface CloudStatus {
  version: string
  roles: readonly string[]
  hosts: HostOverview[]
  /** By status. */
  servers: Record<string, number>
  images: number
  networks: number
  tasks: { live: number; stuck: number }
  /** The newest leak audit; null while there was none. */
  audit: { at: string; orphans: number; unchecked: number } | null
  /** What `virsh -c` takes; null with fake hosts. */
  libvirt_uri: string | null
}

export async function cloudStatus({ parts, hosts, audits, roles }: Operator): Promise<CloudStatus> {
  const { compute, image, tasks } = parts
  const live = await tasks.list({ live: true })
  const stuck = live.filter(({ state }) => state === 'stuck').length
  return {
    version: VERSION,
    roles,
    hosts: await hostOverviews(compute),
    servers: await serverCounts(compute),
    images: (await image.client.list(adminContext())).length,
    networks: await countNetworks(parts),
    tasks: { live: live.length - stuck, stuck },
    audit: auditStatus(audits.last),
    libvirt_uri: (await hosts.libvirt?.uri()) ?? null,
  }
}

function auditStatus(last: KeptAudit | undefined): CloudStatus['audit'] {
  if (!last) return null
  const { orphans, unchecked } = last.report
  return { at: new Date(last.at).toISOString(), orphans: orphans.length, unchecked: unchecked.length }
}

async function countNetworks({ store }: Parts): Promise<number> {
  const { count } = await store
    .as<{ network_networks: { id: string } }>()
    .selectFrom('network_networks')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}
